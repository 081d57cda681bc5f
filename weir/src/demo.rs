//! The story of `weir demo`, chapter by chapter: each does something over the public surface and checks that what was
//! promised is so. The first thing that is not so ends the story.

mod chapters;
mod ear;
mod echo;
mod mailbox;
mod rest;
mod stage;
mod tally;
mod teller;

use std::path::PathBuf;

use url::Url;
use vault::chance::{self, SystemChance};

use self::{mailbox::Mailbox, rest::Rest, stage::Stage, tally::Tally, teller::Teller};

/// What the user said.
#[derive(Debug)]
pub(crate) struct Options {
    /// A server that runs already.
    pub(crate) url: Option<Url>,
    /// The tenant's owner.
    pub(crate) owner: Option<String>,
    /// The data subject.
    pub(crate) subject: Option<String>,
    /// The data folder of that server.
    pub(crate) data_dir: Option<PathBuf>,
}

/// Everything that the chapters share.
struct Story {
    teller: Teller,
    tally: Tally,
    mailbox: Mailbox,
    stage: Stage,
    /// Somebody without a credential.
    nobody: Rest,
    cast: Cast,
}

/// Who plays.
struct Cast {
    /// The tenant's slug: new each time, so that the story can be played again on the same server.
    tenant: String,
    owner: String,
    subject: String,
}

/// Plays the story.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let teller = Teller::new();
    teller.title("Weir, the whole story")?;
    let told = tell(&teller, options).await;
    if let Err(error) = &told {
        teller.fails(error)?;
    }
    told
}

async fn tell(teller: &Teller, options: Options) -> anyhow::Result<()> {
    let number = hex(chance::bytes::<3>(&SystemChance));
    let tenant = format!("demo-{number}");
    let address = |name: &str| format!("{name}@{tenant}.example");
    let cast = Cast {
        owner: options.owner.unwrap_or_else(|| address("owner")),
        subject: options.subject.unwrap_or_else(|| address("ada")),
        tenant,
    };
    let stage = Stage::open(teller, options.url, options.data_dir).await?;
    let nobody = Rest::new(stage.base.clone());
    let mailbox = Mailbox::new(nobody.clone());
    let mut story = Story {
        teller: teller.clone(),
        tally: Tally::default(),
        mailbox,
        stage,
        nobody,
        cast,
    };
    chapters::play(&mut story).await?;
    story.tally.tell(teller)
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
