//! The log of deliveries: what was told when, how that went, and once more.

use entity::{
    id::{WebhookDeliveryId, WebhookId},
    webhook, webhook_attempt,
    webhook_delivery::{self, DeliveryState},
    webhook_part,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder};
use serde_json::json;

use super::{
    draft::{About, Source, Telling},
    events::{self, EventKind},
    listening::Hook,
    read as read_webhook, write,
};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    pictures,
    tenancy::{TenantScope, TenantTx},
};

/// What to look for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<DeliveryState>,
}

/// Lists deliveries of a webhook, newest first.
pub async fn list(
    tx: &TenantTx,
    hook: WebhookId,
    filter: Filter,
    page: &PageIn,
) -> Result<Page<webhook_delivery::Model>> {
    use webhook_delivery::Column;
    read_webhook(tx, hook).await?;
    let mut rows = tx
        .find::<webhook_delivery::Entity>()
        .filter(Column::WebhookId.eq(hook));
    if let Some(state) = filter.state {
        rows = rows.filter(Column::State.eq(state));
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

async fn find(tx: &TenantTx, hook: WebhookId, id: WebhookDeliveryId) -> Result<webhook_delivery::Model> {
    let row = tx
        .find_by_id::<webhook_delivery::Entity, _>(id)
        .filter(webhook_delivery::Column::WebhookId.eq(hook))
        .one(tx.conn())
        .await?;
    row.ok_or(Error::NotFound {
        what: "webhook delivery",
    })
}

/// Reads a delivery and its attempts, the first one first.
pub async fn read(
    tx: &TenantTx,
    hook: WebhookId,
    id: WebhookDeliveryId,
) -> Result<(webhook_delivery::Model, Vec<webhook_attempt::Model>)> {
    let row = find(tx, hook, id).await?;
    let attempts = tx
        .find::<webhook_attempt::Entity>()
        .filter(webhook_attempt::Column::DeliveryId.eq(id))
        .order_by_asc(webhook_attempt::Column::Number)
        .all(tx.conn())
        .await?;
    Ok((row, attempts))
}

/// Sends a delivery again, as it would be sent now: what was erased, withdrawn or expired since is not in it. One that
/// waits for its next attempt does not wait any longer.
pub async fn replay(
    tx: &TenantTx,
    ctx: &Ctx,
    hook: WebhookId,
    id: WebhookDeliveryId,
) -> Result<webhook_delivery::Model> {
    check_sends(&read_webhook(tx, hook).await?)?;
    let row = find(tx, hook, id).await?;
    let parts = tx
        .find::<webhook_part::Entity>()
        .filter(webhook_part::Column::DeliveryId.eq(id))
        .count(tx.conn())
        .await?;
    if parts == 0 {
        return Err(Error::conflict(
            "events_gone",
            "the events of this delivery are not kept any more; read /connections and /lifecycle-events instead",
        ));
    }
    let now = ctx.now();
    let mut again = webhook_delivery::ActiveModel {
        id: Set(row.id),
        next_at: Set(now),
        ..Default::default()
    };
    if row.state != DeliveryState::Pending {
        again.state = Set(DeliveryState::Pending);
        again.attempts = Set(0);
        again.begun_at = Set(now);
        again.finished_at = Set(None);
    }
    let row = tx.update(again).await?;
    tx.update_many::<webhook::Entity>()
        .set(webhook::ActiveModel {
            due_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(webhook::Column::Id.eq(hook))
        .exec(tx.conn())
        .await?;
    let event = Event::new("webhook.replayed")
        .target("webhook", hook)
        .facts(json!({ "delivery": id }));
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// Sends a webhook a `test` event.
pub async fn test(ctx: &Ctx, scope: &TenantScope, id: WebhookId) -> Result<webhook_delivery::Model> {
    let picture = pictures::load_tenant(ctx, scope.tenant()).await?;
    let tx = ctx.store.read(scope).await?;
    let row = read_webhook(&tx, id).await?;
    drop(tx);
    check_sends(&row)?;
    let now = ctx.now();
    let hook = Hook::of(&row);
    let source = Source {
        ctx,
        picture: &picture,
        endpoint: row.endpoint_id,
        hook: &hook,
        transit: ctx.settings.webhooks.transit(),
    };
    let event = Telling {
        kind: EventKind::Test,
        about: About::Nobody,
        shape: events::test(now),
    };
    let draft = source.draft(&[event]).await?;
    let draft = draft.ok_or_else(|| Error::internal(anyhow::anyhow!("a test says nothing")))?;
    let tx = ctx.store.system("a test delivery of one tenant").await?;
    write::deliveries(&tx, std::slice::from_ref(&draft), now).await?;
    let tx = tx.for_tenant(scope).await?;
    let row = find(&tx, id, draft.id).await?;
    tx.save().await?;
    Ok(row)
}

fn check_sends(hook: &webhook::Model) -> Result<()> {
    if hook.url.is_none() {
        return Err(Error::conflict(
            "wrong_state",
            "this webhook sends nothing; give it a url first",
        ));
    }
    if !hook.enabled {
        return Err(Error::conflict(
            "wrong_state",
            "this webhook is switched off; switch it on first",
        ));
    }
    Ok(())
}
