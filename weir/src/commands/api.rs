//! `weir api`: the API, the sockets and the pages, without background work. For Postgres.

use crate::{
    serving::{self, Role},
    settings::Flags,
};

/// Run the API and the sockets only, on Postgres; `weir worker` does the background work.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags,
}

/// Runs until a signal says stop.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    serving::run(Role::Api, &args.settings).await
}
