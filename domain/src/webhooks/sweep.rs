//! What of webhooks is over: events that can no longer be replayed, old lines of the log, keys of what only passed through.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::WebhookDeliveryId,
    webhook,
    webhook_delivery::{self, DeliveryError, DeliveryState},
    webhook_part,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, Set};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
};

/// Rows in one transaction.
const BATCH: u64 = 500;

/// Destroys all keys of what no rule keeps and that is on its way to this webhook.
pub(super) async fn destroy_transit(ctx: &Ctx, hook: &webhook::Model) -> Result<()> {
    // Slices that are open now end within a day.
    let all = ctx.now() + TimeDelta::days(2);
    ctx.keys
        .destroy_buckets(hook.tenant_id, hook.transit_class, None, all)
        .await?;
    Ok(())
}

/// Removes what is over, of all tenants. To be called every minute or so. Answers how many rows.
///
/// # Errors
/// What the store or the vault said. What was removed until then stays removed.
pub async fn sweep(ctx: &Ctx) -> Result<u64> {
    let (now, settings) = (ctx.now(), &ctx.settings.webhooks);
    keys(ctx, now - settings.transit()).await?;
    give_up(ctx, now - settings.give_up_after()).await?;
    Ok(events(ctx, now - settings.replay()).await? + log(ctx, now - settings.log()).await?)
}

async fn keys(ctx: &Ctx, before: DateTime<Utc>) -> Result<()> {
    let tx = ctx
        .store
        .system_read("keys of what passed through webhooks of all tenants are destroyed")
        .await?;
    let hooks = tx.find::<webhook::Entity>().all(tx.conn()).await?;
    drop(tx);
    for hook in hooks {
        match ctx
            .keys
            .destroy_buckets(hook.tenant_id, hook.transit_class, None, before)
            .await
        {
            Ok(_) | Err(Error::Gone { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What waits for a webhook that is switched off waits in vain after a while.
async fn give_up(ctx: &Ctx, before: DateTime<Utc>) -> Result<()> {
    use webhook_delivery::Column;
    let tx = ctx
        .store
        .system("deliveries of all tenants that waited too long are given up")
        .await?;
    tx.update_many::<webhook_delivery::Entity>()
        .set(webhook_delivery::ActiveModel {
            state: Set(DeliveryState::Failed),
            error: Set(Some(DeliveryError::TooOld)),
            finished_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .filter(Column::State.eq(DeliveryState::Pending))
        .filter(Column::BegunAt.lt(before))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

/// Deliveries that ended before, as far as one transaction goes.
fn ended(before: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(webhook_delivery::Column::State.ne(DeliveryState::Pending))
        .add(webhook_delivery::Column::FinishedAt.lt(before))
}

async fn events(ctx: &Ctx, before: DateTime<Utc>) -> Result<u64> {
    let mut total = 0;
    loop {
        let tx = ctx
            .store
            .system("events of all tenants that can no longer be replayed are removed")
            .await?;
        let some: Vec<WebhookDeliveryId> = tx
            .find::<webhook_delivery::Entity>()
            .select_only()
            .column(webhook_delivery::Column::Id)
            .filter(ended(before))
            .filter(webhook_delivery::Column::Id.in_subquery(parts_of_deliveries()))
            .limit(BATCH)
            .into_tuple()
            .all(tx.conn())
            .await?;
        if some.is_empty() {
            return Ok(total);
        }
        total += tx
            .delete_many::<webhook_part::Entity>()
            .filter(webhook_part::Column::DeliveryId.is_in(some))
            .exec(tx.conn())
            .await?
            .rows_affected;
        tx.save().await?;
        tokio::task::yield_now().await;
    }
}

fn parts_of_deliveries() -> sea_orm::sea_query::SelectStatement {
    sea_orm::sea_query::Query::select()
        .column(webhook_part::Column::DeliveryId)
        .from(webhook_part::Entity)
        .to_owned()
}

async fn log(ctx: &Ctx, before: DateTime<Utc>) -> Result<u64> {
    let mut total = 0;
    loop {
        let tx = ctx
            .store
            .system("old deliveries of all tenants are removed from the log")
            .await?;
        let some: Vec<WebhookDeliveryId> = tx
            .find::<webhook_delivery::Entity>()
            .select_only()
            .column(webhook_delivery::Column::Id)
            .filter(ended(before))
            .limit(BATCH)
            .into_tuple()
            .all(tx.conn())
            .await?;
        if some.is_empty() {
            return Ok(total);
        }
        total += tx
            .delete_many::<webhook_delivery::Entity>()
            .filter(webhook_delivery::Column::Id.is_in(some))
            .exec(tx.conn())
            .await?
            .rows_affected;
        tx.save().await?;
        tokio::task::yield_now().await;
    }
}
