//! Puts together what every command that works on the stores leans on.

use std::sync::Arc;

use domain::{
    Ctx,
    clock::{Clock, SystemClock},
    ctx::Parts,
    ids::Ids,
    keys::Keys,
};
use url::Url;
use vault::chance::{Chance, SystemChance};

use crate::{settings::Settings, stores::Stores, trouble::chain};

/// The domain's context over open stores.
pub(crate) fn context(settings: &Settings, stores: Stores, public_url: Url) -> Ctx {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let chance: Arc<dyn Chance> = Arc::new(SystemChance);
    let ids = Arc::new(Ids::new(clock.clone(), chance.clone(), settings.node.number));
    let keys = Keys::new(
        stores.vault,
        stores.root,
        clock.clone(),
        ids.clone(),
        chance.clone(),
    );
    Ctx::new(Parts {
        clock,
        ids,
        chance,
        store: stores.data,
        keys,
        standings: Arc::default(),
        known: Arc::default(),
        pictures: Arc::default(),
        authentications: Arc::default(),
        tenants: Arc::default(),
        settings: settings.domain(public_url),
    })
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
