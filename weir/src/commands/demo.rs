//! `weir demo`: plays the whole story, with evidence, against a server of its own or one that runs already.

use std::path::PathBuf;

use url::Url;

use crate::demo::{self, Options};

/// Play the whole story against a temporary or a given server, and say at each step what proves it.
///
/// Uses what everybody can use: the REST API, WebSockets, the privacy page's API and receipts. Ends with an error at the
/// first step that does not hold. On a given server it signs up a tenant of its own and leaves it there.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The address of a server that runs already [default: a temporary one is started]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// The e-mail address of the tenant's owner, where mails go to a real mail server [default: one that does not exist]
    #[arg(long, value_name = "EMAIL", requires = "url")]
    owner: Option<String>,
    /// The e-mail address of the data subject, likewise
    #[arg(long, value_name = "EMAIL", requires = "url")]
    subject: Option<String>,
    /// The given server's data folder, if it is on this machine: without it, what needs a backup is left out
    #[arg(long, value_name = "FOLDER", requires = "url")]
    data_dir: Option<PathBuf>,
}

/// Plays it.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    demo::run(Options {
        url: args.url,
        owner: args.owner,
        subject: args.subject,
        data_dir: args.data_dir,
    })
    .await
}
