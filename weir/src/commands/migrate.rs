//! `weir migrate`: brings both stores up to date and stops.

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers},
    stores::{Stores, Upgrade},
    telemetry,
};

/// Bring the stores up to date and stop.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags,
}

/// Does it, with nobody else in the data folder.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let folder = DataFolder::prepare(&settings.data_dir)?;
    let _lock = folder.lock()?;
    let stores = Stores::open(&settings, &folder, Upgrade::Do).await?;
    if stores.applied.is_empty() {
        print::line("both stores are up to date")?;
    }
    for name in &stores.applied {
        print::line(format!("applied {name}"))?;
    }
    stores.close().await?;
    Ok(())
}
