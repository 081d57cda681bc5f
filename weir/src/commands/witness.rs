//! `weir witness`: cosigns the checkpoints of logs, Weir's or anybody's, and never two that contradict each other
//! (c2sp.org/tlog-witness). Settings and stores are not touched: whoever witnesses need not run Weir.

mod memory;

use std::path::PathBuf;

use anyhow::Context;
use domain::clock::SystemClock;
use ledger::{Verifier, Witness};

use self::memory::Memory;
use crate::{data_folder::DataFolder, print, signals::Signals, trouble::Trouble};

/// Vouch for logs: cosign their checkpoints if they only grew.
///
/// It stands at `add-checkpoint` of the C2SP protocol for witnesses. Its key is made at the first start, and said: give it to
/// those who shall ask (`POST /api/v1/log/witnesses`) and to those who shall check (`weir verify --witness`).
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// What it is called in its cosignatures; by custom an address without its scheme: witness.example.org
    #[arg(long)]
    name: String,
    /// The verifier key of a log that it vouches for. May be given several times; of a log whose key was replaced, both
    #[arg(long = "log", value_name = "KEY", required = true)]
    logs: Vec<String>,
    /// Where its key lies, and what it has cosigned: without these it vouches for nothing. Made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = "weir-witness")]
    folder: PathBuf,
    /// Where it listens. TLS is somebody else's
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: String,
}

/// Vouches until it is told to stop.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    // No settings are read, so logs are as they come: what went wrong with the disk, mostly.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let folder = DataFolder::prepare(&args.folder)?;
    let _lock = folder.lock()?;
    let mut logs = Vec::with_capacity(args.logs.len());
    for key in &args.logs {
        logs.push(Verifier::parse(key.trim()).map_err(|error| {
            Trouble::new(
                format!("{key} is not the verifier key of a log"),
                "give it as the log publishes it: name+hash+key",
            )
            .because(error)
        })?);
    }
    let memory = Memory::of(folder.path());
    let cosigner = memory.cosigner(&args.name)?;
    print::line(cosigner.verifier_key())?;
    let mut signals = Signals::listen()?;
    let stop = async move {
        signals.next().await;
    };
    let listening = |address| print::note(format!("vouching at http://{address}"));
    api::witness::serve(
        Witness::new(cosigner, logs),
        memory,
        SystemClock,
        &args.listen,
        listening,
        stop,
    )
    .await
    .with_context(|| format!("no witness at {}", args.listen))
}
