//! `weir serve`: everything in one process.

use crate::{
    serving::{self, Role},
    settings::Flags,
};

/// Run everything in one process: API, sockets, pages and background work.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags,
}

/// Runs until a signal says stop.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    serving::run(Role::Everything, &args.settings).await
}
