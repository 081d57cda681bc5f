//! Rows for what happened, many in one statement, in the transaction of whoever calls.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{
    id::{EndpointId, LifecycleEventId, SubjectId, TenantId, WebhookId},
    lifecycle_event::{self, LifecycleKind},
    subject, webhook, webhook_delivery, webhook_occupancy, webhook_part,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, QueryFilter, QuerySelect,
    sea_query::{OnConflict, Query},
};

use super::draft::{Draft, Part};
use crate::{error::Result, tenancy::SystemTx};

/// Rows in one statement: none has more than sixteen values.
const AT_ONCE: usize = 500;

/// A channel that is occupied, or a member who is on one.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointId,
    pub(super) channel: std::sync::Arc<str>,
    pub(super) subject: Option<SubjectId>,
    pub(super) user_sealed: Option<Vec<u8>>,
}

/// That a channel was occupied or vacated.
#[derive(Clone, Debug)]
pub(super) struct Lived {
    pub(super) id: LifecycleEventId,
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointId,
    pub(super) kind: LifecycleKind,
    pub(super) channel: std::sync::Arc<str>,
    pub(super) at: DateTime<Utc>,
}

/// Everything that one round writes.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) drafts: Vec<Draft>,
    /// By their id: there now, or gone.
    pub(super) held: BTreeMap<Vec<u8>, Option<Held>>,
    pub(super) lived: Vec<Lived>,
}

impl Round {
    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.held.is_empty() && self.lived.is_empty()
    }

    /// Writes it down. Doing so twice changes nothing.
    pub(super) async fn write(&self, tx: &SystemTx, node: &str, now: DateTime<Utc>) -> Result<()> {
        deliveries(tx, &self.drafts, now).await?;
        occupancy(tx, &self.held, node, now).await?;
        lifecycle(tx, &self.lived).await?;
        Ok(())
    }
}

/// Writes deliveries down and has the worker look. Those of webhooks that are gone meanwhile are left out, and so are
/// parts about persons who are.
pub(super) async fn deliveries(tx: &SystemTx, drafts: &[Draft], now: DateTime<Utc>) -> Result<()> {
    if drafts.is_empty() {
        return Ok(());
    }
    let webhooks = there(tx, drafts).await?;
    let drafts: Vec<&Draft> = drafts
        .iter()
        .filter(|draft| webhooks.contains(&draft.webhook))
        .collect();
    let persons = persons(tx, &drafts).await?;
    for some in drafts.chunks(AT_ONCE) {
        insert_deliveries(tx, some).await?;
    }
    let parts: Vec<(&Draft, &Part)> = drafts
        .iter()
        .flat_map(|draft| draft.parts.iter().map(move |part| (*draft, part)))
        .filter(|(_, part)| part.subject.is_none_or(|subject| persons.contains(&subject)))
        .collect();
    for some in parts.chunks(AT_ONCE) {
        insert_parts(tx, some).await?;
    }
    let webhooks: Vec<WebhookId> = webhooks.into_iter().collect();
    for some in webhooks.chunks(AT_ONCE) {
        wake(tx, some, now).await?;
    }
    Ok(())
}

/// Has the worker look at these webhooks.
pub(super) async fn wake(tx: &SystemTx, webhooks: &[WebhookId], now: DateTime<Utc>) -> Result<()> {
    use webhook::Column;
    tx.update_many::<webhook::Entity>()
        .col_expr(Column::DueAt, sea_orm::sea_query::Expr::value(now))
        .filter(Column::Id.is_in(webhooks.iter().copied()))
        .filter(
            Condition::any()
                .add(Column::DueAt.is_null())
                .add(Column::DueAt.gt(now)),
        )
        .exec(tx.conn())
        .await?;
    Ok(())
}

async fn there(tx: &SystemTx, drafts: &[Draft]) -> Result<HashSet<WebhookId>> {
    let wanted: HashSet<WebhookId> = drafts.iter().map(|draft| draft.webhook).collect();
    let wanted: Vec<WebhookId> = wanted.into_iter().collect();
    let mut found = HashSet::with_capacity(wanted.len());
    for some in wanted.chunks(AT_ONCE) {
        let rows: Vec<WebhookId> = tx
            .find::<webhook::Entity>()
            .select_only()
            .column(webhook::Column::Id)
            .filter(webhook::Column::Id.is_in(some.iter().copied()))
            .into_tuple()
            .all(tx.conn())
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Those of the persons in these drafts who are there. Asked in the transaction that writes: a part that comes after an
/// erasure was done with would stay.
async fn persons(tx: &SystemTx, drafts: &[&Draft]) -> Result<HashSet<SubjectId>> {
    let parts = drafts.iter().flat_map(|draft| &draft.parts);
    let wanted: HashSet<SubjectId> = parts.filter_map(|part| part.subject).collect();
    let wanted: Vec<SubjectId> = wanted.into_iter().collect();
    let mut found = HashSet::with_capacity(wanted.len());
    for some in wanted.chunks(AT_ONCE) {
        let rows: Vec<SubjectId> = tx
            .find::<subject::Entity>()
            .select_only()
            .column(subject::Column::Id)
            .filter(subject::Column::Id.is_in(some.iter().copied()))
            .into_tuple()
            .all(tx.conn())
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

async fn insert_deliveries(tx: &SystemTx, drafts: &[&Draft]) -> Result<()> {
    use webhook_delivery::{Column, DeliveryState};
    let mut insert = Query::insert();
    insert
        .into_table(webhook_delivery::Entity)
        .columns([
            Column::Id,
            Column::TenantId,
            Column::WebhookId,
            Column::EndpointId,
            Column::State,
            Column::Kinds,
            Column::Counts,
            Column::Events,
            Column::Attempts,
            Column::AttemptsTotal,
            Column::NextAt,
            Column::CreatedAt,
            Column::BegunAt,
        ])
        // A commit whose answer was lost is done again.
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned());
    for draft in drafts {
        insert.values_panic([
            draft.id.into(),
            draft.tenant.into(),
            draft.webhook.into(),
            draft.endpoint.into(),
            DeliveryState::Pending.as_str().into(),
            draft.kinds.into(),
            serde_json::to_value(&draft.counts)?.into(),
            draft.events.into(),
            0.into(),
            0.into(),
            draft.at.into(),
            draft.at.into(),
            draft.at.into(),
        ]);
    }
    tx.conn().execute(&insert).await?;
    Ok(())
}

async fn insert_parts(tx: &SystemTx, parts: &[(&Draft, &Part)]) -> Result<()> {
    use webhook_part::Column;
    let mut insert = Query::insert();
    insert
        .into_table(webhook_part::Entity)
        .columns([
            Column::DeliveryId,
            Column::Number,
            Column::TenantId,
            Column::SubjectId,
            Column::PurposeId,
            Column::ClassId,
            Column::BucketId,
            Column::MessageId,
            Column::Sealed,
        ])
        .on_conflict(
            OnConflict::columns([Column::DeliveryId, Column::Number])
                .do_nothing()
                .to_owned(),
        );
    for (draft, part) in parts {
        insert.values_panic([
            draft.id.into(),
            part.number.into(),
            draft.tenant.into(),
            part.subject.map(|subject| subject.0).into(),
            part.purpose.map(|purpose| purpose.0).into(),
            part.class.into(),
            part.bucket.into(),
            part.message.into(),
            part.sealed.clone().into(),
        ]);
    }
    tx.conn().execute(&insert).await?;
    Ok(())
}

async fn occupancy(
    tx: &SystemTx,
    held: &BTreeMap<Vec<u8>, Option<Held>>,
    node: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    use webhook_occupancy::Column;
    let gone: Vec<&Vec<u8>> = held
        .iter()
        .filter(|(_, held)| held.is_none())
        .map(|(id, _)| id)
        .collect();
    for some in gone.chunks(AT_ONCE) {
        tx.delete_many::<webhook_occupancy::Entity>()
            .filter(Column::Id.is_in(some.iter().map(|id| (*id).clone())))
            .exec(tx.conn())
            .await?;
    }
    let there: Vec<(&Vec<u8>, &Held)> = held
        .iter()
        .filter_map(|(id, held)| Some((id, held.as_ref()?)))
        .collect();
    for some in there.chunks(AT_ONCE) {
        let mut insert = Query::insert();
        insert
            .into_table(webhook_occupancy::Entity)
            .columns([
                Column::Id,
                Column::TenantId,
                Column::EndpointId,
                Column::Node,
                Column::Channel,
                Column::SubjectId,
                Column::UserSealed,
                Column::At,
            ])
            .on_conflict(
                OnConflict::column(Column::Id)
                    .update_columns([Column::Node, Column::At])
                    .to_owned(),
            );
        for (id, held) in some {
            insert.values_panic([
                (*id).clone().into(),
                held.tenant.into(),
                held.endpoint.into(),
                node.into(),
                held.channel.to_string().into(),
                held.subject.map(|subject| subject.0).into(),
                held.user_sealed.clone().into(),
                now.into(),
            ]);
        }
        tx.conn().execute(&insert).await?;
    }
    Ok(())
}

async fn lifecycle(tx: &SystemTx, lived: &[Lived]) -> Result<()> {
    use lifecycle_event::Column;
    for some in lived.chunks(AT_ONCE) {
        let mut insert = Query::insert();
        insert
            .into_table(lifecycle_event::Entity)
            .columns([
                Column::Id,
                Column::TenantId,
                Column::EndpointId,
                Column::Kind,
                Column::Channel,
                Column::At,
            ])
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned());
        for event in some {
            insert.values_panic([
                event.id.into(),
                event.tenant.into(),
                event.endpoint.into(),
                event.kind.as_str().into(),
                event.channel.to_string().into(),
                event.at.into(),
            ]);
        }
        tx.conn().execute(&insert).await?;
    }
    Ok(())
}
