//! Who destroys and who places a hold take turns, per tenant. A hold that was answered for is seen by every destruction
//! from then on; what holds were seen by one stand until it is done. Within a process a lock in memory does that, between
//! processes (so on Postgres only) an advisory lock of the store.
//!
//! Nobody waits for a turn within a transaction that writes: SQLite has one writer, and the other may be waiting for it.

use std::ops::Deref;

use entity::id::TenantId;
use sea_orm::ConnectionTrait;
use tokio::sync::OwnedRwLockReadGuard;

use super::scope::{Scope, active};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    tenancy::{Engine, TenantScope, TenantTx},
};

/// The holds of a tenant that stand. Until this is dropped, none is placed and none ends.
pub(crate) struct Watch {
    scopes: Vec<Scope>,
    _lock: Option<TenantTx>,
    _turn: OwnedRwLockReadGuard<()>,
}

impl Deref for Watch {
    type Target = [Scope];

    fn deref(&self) -> &[Scope] {
        &self.scopes
    }
}

/// Looks which holds stand, for whoever is about to destroy something.
pub(crate) async fn watch(ctx: &Ctx, scope: &TenantScope) -> Result<Watch> {
    let turn = ctx.pictures.holding(scope.tenant()).read_owned().await;
    let view = ctx.store.read(scope).await?;
    let is_shared = ctx.store.engine() == Engine::Postgres;
    if is_shared {
        advise(&view, "pg_advisory_xact_lock_shared").await?;
    }
    let scopes = active(&view, ctx.now()).await?;
    Ok(Watch {
        scopes,
        _lock: is_shared.then_some(view),
        _turn: turn,
    })
}

/// Begins to place or to end a hold: in a transaction of its own, once whoever is destroying is done with the range at
/// hand.
pub async fn begin(ctx: &Ctx, scope: &TenantScope) -> Result<TenantTx> {
    let turn = ctx.pictures.holding(scope.tenant()).write_owned().await;
    let tx = ctx.store.begin(scope).await?;
    if ctx.store.engine() == Engine::Postgres {
        advise(&tx, "pg_advisory_xact_lock").await?;
    }
    // Kept as long as the transaction, whichever way it ends.
    tx.after_save(move || drop(turn));
    Ok(tx)
}

async fn advise(tx: &TenantTx, function: &str) -> Result<()> {
    let sql = format!("SELECT {function}({})", number(tx.tenant()));
    tx.conn()
        .execute_unprepared(&sql)
        .await
        .map_err(|error| Error::Unavailable {
            what: "the turn between holds and removals",
            source: Some(error.into()),
        })?;
    Ok(())
}

/// A number of the tenant, for locks about its holds only.
fn number(tenant: TenantId) -> i64 {
    const HOLDS: u64 = 0x686f_6c64_5f00_0001;
    let (first, second) = tenant.0.as_u64_pair();
    (first ^ second.rotate_left(17) ^ HOLDS).cast_signed()
}
