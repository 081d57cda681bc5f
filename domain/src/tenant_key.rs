//! A tenant's key, and its replacement: everything that is sealed under it is sealed anew, while everybody goes on.
//!
//! The order, and why nothing is lost: see [`crate::keys`] (`replace`). A value that a process seals at the last moment under
//! the key of before is found by a later look; only when a look finds nothing, an hour after the last one that did, does
//! that key go.

mod sweep;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use entity::vault::tenant_key::Rotation;
use serde_json::json;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    tenancy::{Actor, TenantScope},
};

/// How long the next key is known before it seals: every process has read it by then.
pub const ANNOUNCED: TimeDelta = TimeDelta::seconds(10);
/// How long nothing may have been found under the key of before. Longer than any work that still has it at hand.
pub const QUIET: TimeDelta = TimeDelta::hours(1);

/// How a tenant's key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Since when the key in use is in use.
    pub since: DateTime<Utc>,
    /// How far its replacement is, if it is being replaced.
    pub rotation: Option<Rotation>,
    /// When the replacement goes on.
    pub next_at: Option<DateTime<Utc>>,
}

/// Reads how the tenant's key stands.
pub async fn read(ctx: &Ctx, scope: &TenantScope) -> Result<Standing> {
    let row = ctx.keys.tenant_key_row(scope.tenant()).await?;
    let next_at = row.rotation_at.zip(row.rotation);
    Ok(Standing {
        since: row.rotated_at.unwrap_or(row.created_at),
        rotation: row.rotation,
        next_at: next_at.map(|(at, rotation)| at + wait(rotation)),
    })
}

fn wait(rotation: Rotation) -> TimeDelta {
    match rotation {
        Rotation::Announced => ANNOUNCED,
        Rotation::Replacing => QUIET,
    }
}

/// Begins to replace the tenant's key.
///
/// # Errors
/// `Conflict` while it is being replaced.
pub async fn rotate(ctx: &Ctx, scope: &TenantScope) -> Result<Standing> {
    if !ctx.keys.announce_tenant_key(scope.tenant()).await? {
        return Err(Error::conflict(
            "wrong_state",
            "the key is being replaced; begin again when that is done",
        ));
    }
    let tx = ctx.store.begin(scope).await?;
    audit::record(&tx, ctx, Event::new("tenant.key_rotation_begun")).await?;
    tx.save().await?;
    read(ctx, scope).await
}

/// Goes on with every replacement that is due. Answers how many steps were taken.
pub async fn advance(ctx: &Ctx) -> Result<u64> {
    let mut steps = 0;
    for row in ctx.keys.rotations().await? {
        let (Some(rotation), Some(at)) = (row.rotation, row.rotation_at) else {
            continue;
        };
        if ctx.now() < at + wait(rotation) {
            continue;
        }
        let scope = TenantScope::new(row.tenant_id, Actor::System);
        match rotation {
            Rotation::Announced => {
                ctx.keys.turn_tenant_key(row.tenant_id).await?;
                sweep::all(ctx, &scope).await?;
            }
            Rotation::Replacing => {
                if !ctx.keys.claim_rotation(row.tenant_id, row.rotation_at).await? {
                    continue;
                }
                if sweep::all(ctx, &scope).await? == 0 {
                    ctx.keys.drop_old_tenant_key(row.tenant_id).await?;
                    let tx = ctx.store.begin(&scope).await?;
                    let facts = json!({ "since": row.rotated_at });
                    audit::record(&tx, ctx, Event::new("tenant.key_rotated").facts(facts)).await?;
                    tx.save().await?;
                }
            }
        }
        steps += 1;
    }
    Ok(steps)
}
