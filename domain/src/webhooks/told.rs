//! Who was told of whom, as receivers took it; and telling a receiver something about a person's rights.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{
    callback,
    id::{SubjectId, WebhookDeliveryId},
    recipient, webhook,
    webhook_delivery::{self, DeliveryState},
    webhook_part,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::{Value, json};
use url::Url;

use super::{
    draft::{Item, context},
    events::EventKind,
};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    keys::SubjectKeyName,
    tenancy::TenantTx,
};

/// Persons, and how many events were about each.
pub(super) type Told = BTreeMap<SubjectId, i64>;

/// Kinds that tell of a person's rights.
const RIGHTS: i32 = EventKind::SubjectErased as i32
    | EventKind::SubjectRectified as i32
    | EventKind::SubjectRestricted as i32
    | EventKind::ConsentWithdrawn as i32;

/// Where a webhook leads, as people may be told: paths and queries can be secrets.
pub(crate) fn host(url: Option<&str>) -> Option<String> {
    Url::parse(url?).ok()?.host_str().map(str::to_owned)
}

/// A receiver took a delivery: it is a recipient of what it says of these persons.
pub(super) async fn taken(
    tx: &TenantTx,
    hook: &webhook::Model,
    delivery: &webhook_delivery::Model,
    told: &Told,
    now: DateTime<Utc>,
) -> Result<()> {
    use recipient::Column;
    for (subject, events) in told {
        let row = recipient::ActiveModel {
            webhook_id: Set(hook.id),
            subject_id: Set(*subject),
            tenant_id: Set(tx.tenant()),
            endpoint_id: Set(hook.endpoint_id),
            host: Set(host(hook.url.as_deref())),
            events: Set(*events),
            first_at: Set(now),
            last_at: Set(now),
        };
        let again = OnConflict::columns([Column::WebhookId, Column::SubjectId])
            .update_columns([Column::Host, Column::LastAt])
            .value(
                Column::Events,
                Expr::col((recipient::Entity, Column::Events)).add(*events),
            )
            .to_owned();
        tx.upsert(row, again).await?;
    }
    if delivery.kinds & RIGHTS != 0 {
        tx.update_many::<callback::Entity>()
            .col_expr(callback::Column::DeliveredAt, Expr::value(now))
            .filter(callback::Column::DeliveryId.eq(delivery.id))
            .exec(tx.conn())
            .await?;
        // It named a person whose data may be erased here: once is enough.
        tx.delete_many::<webhook_part::Entity>()
            .filter(webhook_part::Column::DeliveryId.eq(delivery.id))
            .exec(tx.conn())
            .await?;
    }
    Ok(())
}

/// The webhooks that were told of a person, and those that want to hear of it whoever it is.
pub(crate) async fn receivers(
    tx: &TenantTx,
    subject: SubjectId,
    kind: EventKind,
) -> Result<Vec<webhook::Model>> {
    let told = sea_orm::sea_query::Query::select()
        .column(recipient::Column::WebhookId)
        .from(recipient::Entity)
        .and_where(recipient::Column::SubjectId.eq(subject))
        .and_where(recipient::Column::TenantId.eq(tx.tenant()))
        .to_owned();
    Ok(tx
        .find::<webhook::Entity>()
        .filter(webhook::Column::Url.is_not_null())
        .filter(
            Condition::any()
                .add(webhook::Column::Id.in_subquery(told))
                .add(Expr::col(webhook::Column::Events).bit_and(kind.bit()).ne(0)),
        )
        .all(tx.conn())
        .await?)
}

/// Writes a delivery down that says one thing about a person. Sealed under the person's key, so that it goes when they do;
/// without one, under the tenant's: that somebody is erased must be told when their key is gone.
pub(crate) async fn tell(
    tx: &TenantTx,
    ctx: &Ctx,
    hook: &webhook::Model,
    kind: EventKind,
    person: Option<SubjectId>,
    shape: Value,
) -> Result<WebhookDeliveryId> {
    let (id, now): (WebhookDeliveryId, _) = (ctx.ids.next(), ctx.now());
    let item = [Item {
        number: 0,
        shape,
        session: None,
    }];
    let bytes = serde_json::to_vec(&item)?;
    let sealed = if let Some(person) = person {
        let name = SubjectKeyName::for_record(tx.tenant(), person);
        let key = ctx.keys.subject(name).await?;
        let key = key.ok_or(Error::Gone {
            what: "the person's key",
        })?;
        key.seal_value(&context(id, 0), &bytes, &*ctx.chance)
    } else {
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        keys.tenant.seal_value(&context(id, 0), &bytes, &*ctx.chance)
    };
    tx.insert(webhook_delivery::ActiveModel {
        id: Set(id),
        webhook_id: Set(hook.id),
        endpoint_id: Set(hook.endpoint_id),
        state: Set(DeliveryState::Pending),
        kinds: Set(kind.bit()),
        counts: Set(json!({ kind.as_str(): 1 })),
        events: Set(1),
        sent: Set(None),
        attempts: Set(0),
        attempts_total: Set(0),
        next_at: Set(now),
        status: Set(None),
        duration_ms: Set(None),
        error: Set(None),
        created_at: Set(now),
        begun_at: Set(now),
        finished_at: Set(None),
        ..Default::default()
    })
    .await?;
    tx.insert(webhook_part::ActiveModel {
        delivery_id: Set(id),
        number: Set(0),
        subject_id: Set(person),
        purpose_id: Set(None),
        class_id: Set(None),
        bucket_id: Set(None),
        message_id: Set(None),
        sealed: Set(sealed),
        ..Default::default()
    })
    .await?;
    tx.update_many::<webhook::Entity>()
        .col_expr(webhook::Column::DueAt, Expr::value(now))
        .filter(webhook::Column::Id.eq(hook.id))
        .exec(tx.conn())
        .await?;
    Ok(id)
}
