//! `weir worker`: background work only: purges, requests, mails, checkpoints. For Postgres.

use crate::{
    serving::{self, Role},
    settings::Flags,
};

/// Run the background work only, on Postgres.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags,
}

/// Runs until a signal says stop.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    serving::run(Role::Worker, &args.settings).await
}
