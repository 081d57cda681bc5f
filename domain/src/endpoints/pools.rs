//! What the pool of a relay is told to do. It is kept with the endpoint, so every node does it, and one that starts later too.

use entity::{
    endpoint::{self, EndpointKind, PoolMode, PoolState},
    id::EndpointId,
};
use sea_orm::{ActiveValue::Set, IntoActiveModel};

use super::read;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    tenancy::TenantTx,
};

/// Something to tell a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOrder {
    /// Refuse who comes, and go out with the last session.
    Drain,
    /// Let who comes wait.
    Pause,
    /// Serve again.
    Resume,
    /// Replace all sockets.
    Reconnect,
}

impl PoolOrder {
    fn event(self) -> &'static str {
        match self {
            Self::Drain => "endpoint.pool_drained",
            Self::Pause => "endpoint.pool_paused",
            Self::Resume => "endpoint.pool_resumed",
            Self::Reconnect => "endpoint.pool_reconnected",
        }
    }
}

/// Reads a relay.
///
/// # Errors
/// What is not there, or has no pool.
pub async fn read_relay(tx: &TenantTx, id: EndpointId) -> Result<endpoint::Model> {
    let row = read(tx, id).await?;
    if row.kind == EndpointKind::Relay {
        Ok(row)
    } else {
        Err(Error::conflict("wrong_kind", "only a relay has a back end"))
    }
}

/// Tells a relay's pool something. What it was told already is told once more, except that a pool that is as it should be
/// has nothing to record.
pub async fn order_pool(
    tx: &TenantTx,
    ctx: &Ctx,
    id: EndpointId,
    order: PoolOrder,
) -> Result<endpoint::Model> {
    let current = read_relay(tx, id).await?;
    if current.pool_mode == PoolMode::Webhook {
        return Err(Error::conflict(
            "wrong_kind",
            "a relay that calls its back end has no sockets to it",
        ));
    }
    let state = match order {
        PoolOrder::Drain => PoolState::Draining,
        PoolOrder::Pause => PoolState::Paused,
        PoolOrder::Resume => PoolState::Open,
        PoolOrder::Reconnect => current.pool_state,
    };
    let generation = current.pool_generation + i32::from(order == PoolOrder::Reconnect);
    if (state, generation) == (current.pool_state, current.pool_generation) {
        return Ok(current);
    }
    let mut row = current.into_active_model();
    row.pool_state = Set(state);
    row.pool_generation = Set(generation);
    // Not a new version: whoever edits the endpoint meanwhile has not seen anything change.
    let row = tx.update(row).await?;
    audit::record(tx, ctx, Event::new(order.event()).target("endpoint", id)).await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}
