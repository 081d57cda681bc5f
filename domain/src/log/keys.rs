//! The keys that sign a log, one after the other.
//!
//! A key hands over to the next in a checkpoint that both sign, and that covers the leaf in which the old one is said to
//! end. What was signed before stays as good as it was: its key is public and listed. The secret half of the old key is
//! destroyed. Each step can be run again: [`rotate`] goes on where a crash left it.

use entity::log_key;
use ledger::{Checkpoint, Signer};
use sea_orm::{QueryOrder, QuerySelect, Set};
use serde_json::json;

use super::{frontier, history, locked_head, origin};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    tenancy::{TenantScope, TenantTx},
};

/// The key that signs now; none before the first checkpoint.
pub(super) async fn newest(tx: &TenantTx) -> Result<Option<log_key::Model>> {
    let newest = tx
        .find::<log_key::Entity>()
        .order_by_desc(log_key::Column::Number)
        .limit(1);
    Ok(newest.one(tx.conn()).await?)
}

/// All keys, newest first: all that a log ever had are needed to check what it ever signed.
pub async fn list(tx: &TenantTx) -> Result<Vec<log_key::Model>> {
    let keys = tx
        .find::<log_key::Entity>()
        .order_by_desc(log_key::Column::Number);
    Ok(keys.all(tx.conn()).await?)
}

async fn add(tx: &TenantTx, ctx: &Ctx, number: i32, signer: &Signer, size: i64) -> Result<()> {
    tx.insert_many(vec![log_key::ActiveModel {
        number: Set(number),
        verifier_key: Set(signer.verifier_key()),
        from_size: Set(size),
        from_at: Set(ctx.now()),
        ..Default::default()
    }])
    .await
    .map_err(Error::from)
}

/// What signs the log at this size. The head is locked.
pub(super) async fn signer(tx: &TenantTx, ctx: &Ctx, origin: &str, size: i64) -> Result<Signer> {
    let known = newest(tx).await?;
    // Once more with keys that are read anew: another process may have handed over meanwhile.
    for again in [false, true] {
        if again {
            ctx.keys.forget_tenant(tx.tenant());
        }
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        let current = Signer::new(origin, *keys.signing.expose())?;
        let Some(known) = &known else {
            add(tx, ctx, 1, &current, size).await?;
            return Ok(current);
        };
        if current.verifier_key() == known.verifier_key {
            return Ok(current);
        }
        // Handed over in the store, and not yet in the vault.
        if let Some(next) = &keys.signing_next {
            let next = Signer::new(origin, *next.expose())?;
            if next.verifier_key() == known.verifier_key {
                return Ok(next);
            }
        }
        if again && known.verifier_key.split('+').next() != Some(origin) {
            // The log has another name since the public address changed; it begins anew under that name.
            add(tx, ctx, known.number + 1, &current, size).await?;
            return Ok(current);
        }
    }
    Err(Error::internal(anyhow::anyhow!(
        "the vault has no key that signs this log: it is older than the store"
    )))
}

/// Replaces the key that signs the log. Answers the new one.
pub async fn rotate(ctx: &Ctx, scope: &TenantScope) -> Result<log_key::Model> {
    let tenant = scope.tenant();
    // What another run left half done is brought to its end first, and is all that is asked for then.
    let keys = ctx.keys.prepare_signing(tenant).await?;
    let origin = origin(ctx, tenant);
    let old = Signer::new(&origin, *keys.signing.expose())?;
    let next = keys.signing_next.as_ref().ok_or(Error::Gone {
        what: "the next signing key",
    })?;
    let next = Signer::new(&origin, *next.expose())?;
    let tx = ctx.store.begin(scope).await?;
    let head = locked_head(&tx).await?;
    let mut key = newest(&tx).await?;
    if key.is_none() {
        add(&tx, ctx, 1, &old, head.size).await?;
        key = newest(&tx).await?;
    }
    let key = key.ok_or(Error::NotFound { what: "log key" })?;
    let key = if key.verifier_key == next.verifier_key() {
        key
    } else {
        let event = Event::new("log.key_rotated")
            .target("log_key", key.number + 1)
            .facts(json!({ "from": key.verifier_key, "to": next.verifier_key() }));
        audit::record(&tx, ctx, event).await?;
        let head = locked_head(&tx).await?;
        let frontier = frontier(&head)?;
        let note = Checkpoint::new(&origin, frontier.size(), frontier.root()).sign(&old)?;
        add(&tx, ctx, key.number + 1, &next, head.size).await?;
        history::keep(&tx, ctx, head.size, &next.add_to(&note)?, true).await?;
        newest(&tx).await?.ok_or(Error::NotFound { what: "log key" })?
    };
    tx.save().await?;
    ctx.keys.finish_signing(tenant).await?;
    Ok(key)
}
