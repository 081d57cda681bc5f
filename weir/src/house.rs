//! Puts together what every command that works on the stores leans on.

use std::sync::Arc;

use anyhow::Context;
use domain::{
    Ctx,
    clock::{Clock, SystemClock},
    ctx::Parts,
    ids::Ids,
    keys::Keys,
};
use url::Url;
use vault::chance::{Chance, SystemChance};

use crate::{
    data_folder::DataFolder,
    settings::Settings,
    stores::Stores,
    tls,
    trouble::{Trouble, chain},
};

/// The domain's context over open stores, and their keys in order.
pub(crate) async fn context(
    settings: &Settings,
    folder: &DataFolder,
    stores: Stores,
    public_url: Url,
) -> anyhow::Result<Ctx> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let chance: Arc<dyn Chance> = Arc::new(SystemChance);
    let ids = Arc::new(Ids::new(clock.clone(), chance.clone(), settings.node.number));
    let mut roots = stores.roots.into_iter();
    let newest = roots.next().context("there is a root key")?;
    let keys = Keys::new(
        stores.vault,
        newest,
        stores.pages,
        clock.clone(),
        ids.clone(),
        chance.clone(),
    );
    for old in roots {
        tracing::warn!("the root key is being replaced; if nobody is at it, run `weir rotate-root` to go on");
        keys.add_root(old, false);
    }
    if settings.root_key().is_none() && settings.root_key_command().is_none() {
        let folder = folder.clone();
        // `weir rotate-root` changes it while we run.
        keys.reload_roots_with(move || {
            let newest = folder.root_key().ok().flatten();
            newest
                .into_iter()
                .chain(folder.old_root_key().ok().flatten())
                .collect()
        });
    }
    recover(&keys).await?;
    let opendsr = match (settings.opendsr(), settings.tls()) {
        (Some(named), _) => Some(tls::opendsr_identity(&named)?),
        // The port's own will do, if it is of a kind that the specification takes.
        (None, Some(port)) => tls::opendsr_identity(&port).ok(),
        (None, None) => None,
    };
    Ok(Ctx::new(Parts {
        clock,
        ids,
        chance,
        store: stores.data,
        keys,
        standings: Arc::default(),
        known: Arc::default(),
        pictures: Arc::default(),
        authentications: Arc::default(),
        changes: Arc::default(),
        tenants: Arc::default(),
        settings: settings.domain(public_url, opendsr),
    }))
}

/// Ends what a crash interrupted, and says what does not fit.
async fn recover(keys: &Keys) -> anyhow::Result<()> {
    let found = keys.recover().await?;
    if found.lost > 0 && found.lost == found.pages {
        return Err(Trouble::new(
            "the file of page keys is not the one of this vault: no key opens with it",
            "put back pages.key and vault.db of the same moment; see docs/operations.md",
        )
        .into());
    }
    if found.lost > 0 {
        tracing::error!(
            lost = found.lost,
            of = found.pages,
            "pages of keys do not open: the vault is an older copy than the file of page keys"
        );
    }
    if found.erased > 0 || found.adopted > 0 {
        tracing::info!(
            erased = found.erased,
            adopted = found.adopted,
            "the vault's page keys were brought in order"
        );
    }
    Ok(())
}

/// Folds the write-ahead logs into their files and closes both stores.
pub(crate) async fn close_stores(ctx: &Ctx) {
    for (store, name) in [(&ctx.store, "store"), (ctx.keys.store(), "vault")] {
        if let Err(error) = store.clone().close().await {
            // Nothing is lost: the next start reads the log.
            tracing::warn!(
                store = name,
                error = chain(&error),
                "a store did not close cleanly"
            );
        }
    }
}
