//! `weir witness`: cosigns the checkpoints of logs, Weir's or anybody's, and never two that contradict each other
//! (c2sp.org/tlog-witness). Settings and stores are not touched: whoever witnesses need not run Weir.

mod desk;
mod memory;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use ledger::{Verifier, Witness};
use poem::{
    EndpointExt, Route, Server,
    listener::{Acceptor, Listener, TcpListener},
    middleware::SizeLimit,
    post,
};

use self::{desk::Desk, memory::Memory};
use crate::{data_folder::DataFolder, print, signals::Signals, trouble::Trouble};

/// No checkpoint and its proof are longer, in bytes.
const MAX_BODY: usize = 2 << 20;
/// What is under way when it stops gets so long.
const GRACE: Duration = Duration::from_secs(5);

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
    let own = cosigner.verifier_key();
    let desk = Arc::new(Desk::new(Witness::new(cosigner, logs), memory));
    let app = Route::new()
        .at("/add-checkpoint", post(desk::add_checkpoint))
        .data(desk)
        .with(SizeLimit::new(MAX_BODY));
    let mut signals = Signals::listen()?;
    let acceptor = TcpListener::bind(args.listen.clone())
        .into_acceptor()
        .await
        .with_context(|| format!("{} cannot be listened on", args.listen))?;
    print::line(&own)?;
    for address in acceptor.local_addr() {
        if let Some(address) = address.as_socket_addr() {
            print::note(format!("vouching at http://{address}"));
        }
    }
    let stop = async move {
        signals.next().await;
    };
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, stop, Some(GRACE))
        .await?;
    Ok(())
}
