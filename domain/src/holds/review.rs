//! A hold that nobody looks at again keeps for ever: whoever answers for it is reminded.

use entity::{
    hold::{self, HoldState},
    id::{HoldId, TenantId},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{find, input, read::count};
use crate::{
    ctx::Ctx,
    error::Result,
    officers::{self, OFFICERS},
    tenancy::{Actor, TenantScope},
};

/// Holds looked at in one go.
const BATCH: u64 = 200;

/// Reminds the owners and privacy officers of all tenants of holds that are to be reviewed. Answers how many holds.
pub async fn remind(ctx: &Ctx) -> Result<u64> {
    use hold::Column;
    let now = ctx.now();
    let view = ctx
        .store
        .system_read("holds of all tenants that are to be reviewed")
        .await?;
    let due: Vec<(HoldId, TenantId)> = view
        .find::<hold::Entity>()
        .select_only()
        .column(Column::Id)
        .column(Column::TenantId)
        .filter(Column::State.eq(HoldState::Active))
        .filter(Column::NextReviewAt.lte(now))
        .order_by_asc(Column::NextReviewAt)
        .limit(BATCH)
        .into_tuple()
        .all(view.conn())
        .await?;
    drop(view);
    let mut reminded = 0;
    for (id, tenant) in due {
        let tx = ctx.store.begin(&TenantScope::new(tenant, Actor::System)).await?;
        let row = find(&tx, id).await?;
        // Another process may have written meanwhile.
        if row.state != HoldState::Active || row.next_review_at > now {
            continue;
        }
        let values = json!({
            "hold_name": row.name,
            "placed_at": row.created_at.to_rfc3339(),
            "kept": count(&tx, id).await?,
        });
        officers::tell(&tx, ctx, OFFICERS, "hold_review", values).await?;
        tx.update(hold::ActiveModel {
            id: Set(id),
            next_review_at: Set(input::next_review(&row.review_every, now)?),
            ..Default::default()
        })
        .await?;
        tx.save().await?;
        reminded += 1;
    }
    Ok(reminded)
}
