//! Webhooks: tenants are told what happens on their endpoints.
//!
//! What happens on channels comes in by [`Hooks`], what happens to sessions with their records ([`sessions`]); either is
//! written down as deliveries, in the transaction that records it where there is one. The worker sends them ([`claim`],
//! [`next`], [`settle`]). What a delivery says is sealed while it waits, and looked up, opened and judged again at the
//! moment of sending: whatever was erased, withdrawn or expired meanwhile is not in it.

mod attempts;
mod contents;
mod deliveries;
mod draft;
mod events;
mod hooks;
mod input;
mod lifecycle;
mod linger;
mod listening;
pub(crate) mod recover;
mod round;
mod secrets;
pub(crate) mod sessions;
mod settings;
mod shared;
pub mod signing;
mod sweep;
#[cfg(test)]
mod tests;
mod told;
mod write;

use entity::{
    callback, endpoint,
    id::{EndpointId, SubjectId, WebhookId},
    recipient, webhook, webhook_occupancy, webhook_part,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, IntoActiveModel, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::json;

pub use attempts::{Attempt, Outcome, TURN, Turn, claim, next, release, settle};
pub use deliveries::{
    Filter as DeliveryFilter, list as list_deliveries, read as read_delivery, replay, test,
};
pub(crate) use draft::context as part_context;
pub use events::{ClientEvent, EventKind, Happening};
pub use hooks::{HookStats, Hooks};
pub use input::{NewWebhook, WebhookPatch};
pub(crate) use lifecycle::expired as lifecycle_expired;
pub use lifecycle::{Filter as LifecycleFilter, list as list_lifecycle_events};
pub use listening::Listening;
pub(crate) use secrets::context as secret_context;
pub use settings::Settings;
pub use signing::Header;
pub use sweep::sweep;
pub(crate) use told::{host, receivers, tell};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    tenancy::{TenantTx, expect_version},
};

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Switched on or off.
    pub enabled: Option<bool>,
}

/// Makes a webhook. The secret is answered once and stored sealed.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewWebhook) -> Result<(webhook::Model, String)> {
    new.check()?;
    let events = new.bits();
    let endpoint = tx
        .find_by_id::<endpoint::Entity, _>(new.endpoint)
        .one(tx.conn())
        .await?;
    if endpoint.is_none() {
        return Err(Error::invalid(
            "/endpoint_id",
            "unknown",
            "there is no such endpoint; create it first",
        ));
    }
    let there = tx
        .find::<webhook::Entity>()
        .filter(webhook::Column::EndpointId.eq(new.endpoint))
        .count(tx.conn())
        .await?;
    input::check_count(there)?;
    let id: WebhookId = ctx.ids.next();
    let secret = secrets::generate(ctx);
    let now = ctx.now();
    let row = tx
        .insert(webhook::ActiveModel {
            id: Set(id),
            endpoint_id: Set(new.endpoint),
            url: Set(new.url),
            description: Set(new.description),
            events: Set(events),
            channel_prefix: Set(new.channel_prefix.filter(|prefix| !prefix.is_empty())),
            enabled: Set(new.enabled),
            disabled_reason: Set(None),
            disabled_at: Set(None),
            secret_sealed: Set(secrets::seal(ctx, tx.tenant(), id, &secret).await?),
            previous_secret_sealed: Set(None),
            previous_secret_until: Set(None),
            transit_class: Set(ctx.ids.next_message().0),
            failing_since: Set(None),
            due_at: Set(None),
            locked_until: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
            version: Set(1),
            ..Default::default()
        })
        .await?;
    let kinds: Vec<_> = EventKind::of(events).map(EventKind::as_str).collect();
    let facts = json!({ "endpoint": row.endpoint_id, "events": kinds, "sends": row.url.is_some() });
    audit::record(
        tx,
        ctx,
        Event::new("webhook.created").target("webhook", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok((row, secret))
}

/// Lists webhooks, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<webhook::Model>> {
    use webhook::Column;
    let mut rows = tx.find::<webhook::Entity>();
    if let Some(endpoint) = filter.endpoint {
        rows = rows.filter(Column::EndpointId.eq(endpoint));
    }
    if let Some(enabled) = filter.enabled {
        rows = rows.filter(Column::Enabled.eq(enabled));
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one webhook.
pub async fn read(tx: &TenantTx, id: WebhookId) -> Result<webhook::Model> {
    tx.get::<webhook::Entity, _>(id, "webhook").await
}

/// Changes a webhook. What already waits for it goes to the new address.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: WebhookId,
    expected: Option<i32>,
    patch: WebhookPatch,
) -> Result<webhook::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    patch.check()?;
    let version = current.version + 1;
    let mut row = current.clone().into_active_model();
    let changed = patch.apply(&current, &mut row);
    row.version = Set(version);
    row.updated_at = Set(ctx.now());
    // Whatever waited while it was off, or for another address, is looked at now.
    row.due_at = Set(Some(ctx.now()));
    let row = tx.update(row).await?;
    let facts = json!({ "fields": changed, "version": version });
    audit::record(
        tx,
        ctx,
        Event::new("webhook.updated").target("webhook", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Deletes a webhook, its log, and what waits for it.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, id: WebhookId, expected: Option<i32>) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    sweep::destroy_transit(ctx, &current).await?;
    tx.delete_many::<webhook::Entity>()
        .filter(webhook::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let facts = json!({ "endpoint": current.endpoint_id });
    audit::record(
        tx,
        ctx,
        Event::new("webhook.deleted").target("webhook", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(())
}

/// An endpoint is being deleted: the keys of what is on its way from it go first, since the rows that name them go with it.
pub(crate) async fn endpoint_goes(tx: &TenantTx, ctx: &Ctx, endpoint: EndpointId) -> Result<()> {
    let rows = tx
        .find::<webhook::Entity>()
        .filter(webhook::Column::EndpointId.eq(endpoint))
        .all(tx.conn())
        .await?;
    for row in rows {
        sweep::destroy_transit(ctx, &row).await?;
    }
    Ok(())
}

/// Gives a webhook a new secret; deliveries are signed with the old one too for another day.
pub async fn rotate_secret(tx: &TenantTx, ctx: &Ctx, id: WebhookId) -> Result<(webhook::Model, String)> {
    let current = read(tx, id).await?;
    let secret = secrets::generate(ctx);
    let version = current.version + 1;
    let previous = current.secret_sealed.clone();
    let mut row = current.into_active_model();
    row.previous_secret_sealed = Set(Some(previous));
    row.previous_secret_until = Set(Some(ctx.now() + secrets::OVERLAP));
    row.secret_sealed = Set(secrets::seal(ctx, tx.tenant(), id, &secret).await?);
    row.version = Set(version);
    row.updated_at = Set(ctx.now());
    let row = tx.update(row).await?;
    audit::record(
        tx,
        ctx,
        Event::new("webhook.secret_rotated").target("webhook", id),
    )
    .await?;
    Ok((row, secret))
}

/// A person is being erased: what waits to be told of them goes, and so does the note that they are there.
pub(crate) async fn erase_subject(tx: &TenantTx, subject: SubjectId) -> Result<()> {
    tx.delete_many::<recipient::Entity>()
        .filter(recipient::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    // What recipients were told to do stays, and whether they did; of whom it was does not.
    tx.update_many::<callback::Entity>()
        .col_expr(callback::Column::SubjectId, Expr::value(None::<SubjectId>))
        .filter(callback::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<webhook_part::Entity>()
        .filter(webhook_part::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<webhook_occupancy::Entity>()
        .filter(webhook_occupancy::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    Ok(())
}
