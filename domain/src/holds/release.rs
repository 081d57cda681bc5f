//! The end of holds: what they kept is destroyed, key first.

use std::collections::{BTreeMap, HashSet};

use entity::{
    held_message,
    hold::{self, HoldState},
    id::{HoldId, TenantId},
    message,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::json;

use super::{end, find, preserve::hand_over, watch};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::Result,
    retention::counts,
    tenancy::{Actor, TenantScope, TenantTx},
};

/// Rows in one transaction.
const BATCH: u64 = 1_000;
/// Holds looked at in one go.
const HOLDS: u64 = 100;

/// Ends the holds of all tenants whose end has come, and destroys what holds kept that do not stand any more.
/// To be called every few seconds. Answers how many rows went.
///
/// # Errors
/// What the store or the vault said. What was destroyed until then stays destroyed.
pub async fn sweep(ctx: &Ctx) -> Result<u64> {
    use hold::Column;
    let view = ctx
        .store
        .system_read("holds of all tenants whose end has come")
        .await?;
    let over = Condition::any()
        .add(
            Condition::all()
                .add(Column::State.eq(HoldState::Active))
                .add(Column::EndsAt.lte(ctx.now())),
        )
        .add(
            Condition::all()
                .add(Column::State.ne(HoldState::Active))
                .add(Column::ClearedAt.is_null()),
        );
    let over: Vec<(HoldId, TenantId)> = view
        .find::<hold::Entity>()
        .select_only()
        .column(Column::Id)
        .column(Column::TenantId)
        .filter(over)
        .order_by_asc(Column::Id)
        .limit(HOLDS)
        .into_tuple()
        .all(view.conn())
        .await?;
    drop(view);
    let mut gone = 0;
    for (id, tenant) in over {
        let scope = TenantScope::new(tenant, Actor::System);
        end_due(ctx, &scope, id).await?;
        gone += release(ctx, &scope, id).await?;
    }
    Ok(gone)
}

async fn end_due(ctx: &Ctx, scope: &TenantScope, id: HoldId) -> Result<()> {
    let tx = super::begin(ctx, scope).await?;
    let row = find(&tx, id).await?;
    // Somebody may have lifted or prolonged it meanwhile.
    if row.state == HoldState::Active && row.ends_at.is_some_and(|at| at <= ctx.now()) {
        end(&tx, ctx, &row, HoldState::Ended, None).await?;
        tx.save().await?;
    }
    Ok(())
}

/// Destroys the key of a hold that was just lifted, so that nothing it kept opens from now on. Where other holds stand, it
/// is first looked what of it goes over to them; that is left to the next [`sweep`], with the rows.
pub async fn destroy_key(ctx: &Ctx, scope: &TenantScope, row: &hold::Model) -> Result<()> {
    if row.state != HoldState::Active && watch(ctx, scope).await?.is_empty() {
        ctx.keys.destroy_hold(scope.tenant(), row.number).await?;
    }
    Ok(())
}

/// Destroys what a hold kept. Does nothing to one that stands. Answers how many rows went.
pub async fn release(ctx: &Ctx, scope: &TenantScope, id: HoldId) -> Result<u64> {
    let row = find(&ctx.store.read(scope).await?, id).await?;
    if row.state == HoldState::Active || row.cleared_at.is_some() {
        return Ok(0);
    }
    hand_over(ctx, scope, &row).await?;
    ctx.keys.destroy_hold(scope.tenant(), row.number).await?;
    let mut total = 0;
    while let Some(gone) = remove(ctx, scope, id, total).await? {
        total += gone;
        tokio::task::yield_now().await;
    }
    if total > 0 {
        ctx.store.forget_log().await?;
    }
    Ok(total)
}

/// Removes some of what a hold kept; none: nothing was left, and the hold is cleared.
async fn remove(ctx: &Ctx, scope: &TenantScope, id: HoldId, total: u64) -> Result<Option<u64>> {
    use held_message::Column;
    let tx = ctx.store.begin(scope).await?;
    let some: Vec<(i64, i64)> = tx
        .find::<held_message::Entity>()
        .select_only()
        .column(Column::ClassId)
        .column(Column::MessageId)
        .filter(Column::HoldId.eq(id))
        .order_by_asc(Column::MessageId)
        .limit(BATCH)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let Some((_, last)) = some.last().copied() else {
        // Another process may have come first.
        if find(&tx, id).await?.cleared_at.is_none() {
            let event = Event::new("hold.cleared").target("hold", id);
            let index = audit::record(&tx, ctx, event.facts(json!({ "messages": total }))).await?;
            let cleared = hold::ActiveModel {
                id: Set(id),
                cleared_at: Set(Some(ctx.now())),
                cleared_index: Set(Some(index)),
                ..Default::default()
            };
            tx.update(cleared).await?;
            tx.save().await?;
        }
        return Ok(None);
    };
    let gone = tx
        .delete_many::<held_message::Entity>()
        .filter(Column::HoldId.eq(id))
        .filter(Column::MessageId.lte(last))
        .exec(tx.conn())
        .await?
        .rows_affected;
    for (class, gone) in gone_for_good(&tx, &some).await? {
        counts::deleted(&tx, class, gone).await?;
    }
    tx.save().await?;
    Ok(Some(gone))
}

/// Of these messages, how many are neither live nor kept by another hold, by class.
async fn gone_for_good(tx: &TenantTx, some: &[(i64, i64)]) -> Result<BTreeMap<i64, u64>> {
    let mut gone: BTreeMap<i64, u64> = BTreeMap::new();
    for chunk in some.chunks(500) {
        let ids = || chunk.iter().map(|(_, id)| *id);
        let mut there: HashSet<i64> = tx
            .find::<held_message::Entity>()
            .select_only()
            .column(held_message::Column::MessageId)
            .filter(held_message::Column::MessageId.is_in(ids()))
            .into_tuple::<i64>()
            .all(tx.conn())
            .await?
            .into_iter()
            .collect();
        let mut classes: Vec<i64> = chunk.iter().map(|(class, _)| *class).collect();
        classes.sort_unstable();
        classes.dedup();
        let live: Vec<i64> = tx
            .find::<message::Entity>()
            .select_only()
            .column(message::Column::Id)
            .filter(message::Column::ClassId.is_in(classes))
            .filter(message::Column::Id.is_in(ids()))
            .into_tuple()
            .all(tx.conn())
            .await?;
        there.extend(live);
        for (class, id) in chunk {
            if !there.contains(id) {
                *gone.entry(*class).or_default() += 1;
            }
        }
    }
    Ok(gone)
}
