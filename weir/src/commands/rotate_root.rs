//! `weir rotate-root`: replaces the root key while others work. Run again, it goes on where it was interrupted.

use std::{sync::Arc, time::Duration};

use domain::{
    clock::SystemClock,
    ids::Ids,
    installation::{self, Mark},
    keys::Keys,
};
use vault::chance::SystemChance;

use crate::{
    data_folder::DataFolder,
    print,
    settings::{Flags, Layers, Settings},
    stores::{Stores, Upgrade},
    telemetry,
    trouble::Trouble,
};

/// Replace the root key, while the server goes on.
///
/// A root key in the data folder is replaced by a new one. One from outside (WEIR_ROOT_KEY, root_key_command) is the new
/// one, and WEIR_OLD_ROOT_KEY the one that it replaces. Interrupted, it goes on when it is run again.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags,
}

/// How long a process may be about a tenant that it wraps by the root key that it read before the new one was there.
const LATECOMERS: Duration = Duration::from_secs(2);

/// Replaces it.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let folder = DataFolder::existing(&settings.data_dir)?;
    let from_outside = settings.root_key().is_some() || settings.root_key_command().is_some();
    if from_outside && settings.old_root_key().is_none() {
        return Err(Trouble::new(
            "the root key comes from outside, and it is not said which one it replaces",
            "set the new one as WEIR_ROOT_KEY (or root_key_command) and the one from before as WEIR_OLD_ROOT_KEY, here and for every process that serves",
        )
        .into());
    }
    if !from_outside && !folder.root_key_file().exists() {
        return Err(Trouble::new(
            format!("there is no {}", folder.root_key_file().display()),
            "name the data folder with --data-dir",
        )
        .into());
    }
    let stores = Stores::open(&settings, &folder, Upgrade::Refuse).await?;
    if !from_outside && folder.replace_root_key()? {
        print::note("going on with the root key that an interrupted run made");
    }
    replace(&settings, &folder, stores).await?;
    if !from_outside {
        folder.forget_old_root_key()?;
    }
    print::note(
        "the root key is replaced. Copies of the vault from before open nothing with the new one, nor with the old one and today's page keys.",
    );
    print::note(if from_outside {
        "Take WEIR_OLD_ROOT_KEY away from every process."
    } else {
        "Make a new copy of root.key, on paper or in a secret store, and destroy the old ones."
    });
    Ok(())
}

async fn replace(settings: &Settings, folder: &DataFolder, stores: Stores) -> anyhow::Result<()> {
    let mut roots = crate::stores::given_root_keys(settings, folder)?.into_iter();
    let newest = roots
        .next()
        .ok_or_else(|| Trouble::new("there is no root key", "see docs/operations.md"))?;
    let mark = installation::mark_of_keys(&stores.vault)
        .await?
        .map(|mark| Mark::new(mark.installation, &newest));
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let ids = Arc::new(Ids::new(clock.clone(), chance.clone(), settings.node.number));
    let keys = Keys::new(stores.vault, newest, stores.pages, clock, ids, chance);
    for old in roots {
        keys.add_root(old, false);
    }
    let told = |done: u64, anew: u64| print::note(format!("{done} tenants seen, {anew} wrapped anew"));
    keys.rewrap_tenants(told).await?;
    keys.renew_pages(|done, all| print::note(format!("{done} of {all} pages have new keys")))
        .await?;
    // A tenant that was founded meanwhile by a process that had not heard of the new key yet.
    tokio::time::sleep(LATECOMERS).await;
    while keys.rewrap_tenants(|_, _| {}).await? > 0 {}
    if let Some(mark) = mark {
        installation::mark_again(keys.store(), &stores.data, &mark).await?;
    }
    keys.store().clone().close().await?;
    stores.data.close().await?;
    Ok(())
}
