//! What a delivery says, at the moment of sending. Each part opens only with the keys it was sealed under, and is judged
//! by the rules, consents and restrictions of now, as a message is before every delivery.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use entity::{
    connection,
    id::{ConnectionId, SubjectId},
    subject, webhook, webhook_delivery, webhook_part,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use super::{
    draft::{Item, Said, context},
    told::Told,
};
use crate::{
    admission, connections,
    ctx::Ctx,
    error::{Error, Result},
    ids::MessageId,
    journal,
    keys::SubjectKeyName,
    pictures::{self, Picture},
    subjects,
    tenancy::TenantScope,
};

/// What is sent.
pub(super) struct Contents {
    pub(super) body: Vec<u8>,
    /// How many events are in it.
    pub(super) events: i32,
    /// Whom it says something of.
    pub(super) told: Told,
}

/// No class has this handle: no rule keeps it.
const NO_CLASS: i64 = 0;
/// Clocks of different nodes are closer together than this.
const SKEW: TimeDelta = TimeDelta::minutes(1);
/// Ids in one query.
const AT_ONCE: usize = 500;

/// None when nothing of it is left.
pub(super) async fn read(
    ctx: &Ctx,
    scope: &TenantScope,
    hook: &webhook::Model,
    delivery: &webhook_delivery::Model,
) -> Result<Option<Contents>> {
    let picture = pictures::load_tenant(ctx, scope.tenant()).await?;
    let tx = ctx.store.read(scope).await?;
    let parts = tx
        .find::<webhook_part::Entity>()
        .filter(webhook_part::Column::DeliveryId.eq(delivery.id))
        .order_by_asc(webhook_part::Column::Number)
        .all(tx.conn())
        .await?;
    drop(tx);
    let opening = Opening {
        ctx,
        scope,
        picture: &picture,
        hook,
        delivery,
    };
    let mut items = Vec::new();
    let mut told = Told::new();
    for part in parts {
        let subject = part.subject_id;
        let opened = opening.open(part).await?;
        if let Some(subject) = subject.filter(|_| !opened.is_empty()) {
            *told.entry(subject).or_default() += i64::try_from(opened.len()).unwrap_or(i64::MAX);
        }
        items.extend(opened);
    }
    let events = name_sessions(ctx, scope, items, &mut told).await?;
    if events.is_empty() {
        return Ok(None);
    }
    let count = i32::try_from(events.len()).unwrap_or(i32::MAX);
    let events: Vec<Value> = events.into_values().collect();
    let body = json!({ "time_ms": delivery.created_at.timestamp_millis(), "events": events });
    Ok(Some(Contents {
        body: serde_json::to_vec(&body)?,
        events: count,
        told,
    }))
}

struct Opening<'a> {
    ctx: &'a Ctx,
    scope: &'a TenantScope,
    picture: &'a Picture,
    hook: &'a webhook::Model,
    delivery: &'a webhook_delivery::Model,
}

impl Opening<'_> {
    async fn open(&self, part: webhook_part::Model) -> Result<Vec<Item>> {
        let tenant = self.scope.tenant();
        let context = context(self.delivery.id, part.number);
        let bytes = match (part.class_id, part.subject_id) {
            (Some(class), _) => return Ok(self.open_said(part, class).await?.into_iter().collect()),
            (None, None) => {
                let keys = self.ctx.keys.tenant(tenant).await?;
                keys.tenant.open_value(&context, &part.sealed)?
            }
            (None, Some(person)) => {
                let name = SubjectKeyName::for_record(tenant, person);
                let Some(key) = self.ctx.keys.subject(name).await? else {
                    return Ok(Vec::new());
                };
                key.open_value(&context, &part.sealed)?
            }
        };
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// What somebody said: only if it may be read and delivered now.
    async fn open_said(&self, part: webhook_part::Model, class: i64) -> Result<Option<Item>> {
        let (ctx, tenant) = (self.ctx, self.scope.tenant());
        let (Some(bucket), Some(message)) = (part.bucket_id, part.message_id) else {
            return Err(Error::internal(anyhow::anyhow!(
                "a part of a message names no key"
            )));
        };
        let name = SubjectKeyName::for_messages(tenant, part.subject_id, part.purpose_id);
        let Some(pair) = ctx.keys.pair_to_open(name, bucket).await? else {
            return Ok(None);
        };
        let aad = journal::aad(tenant, self.delivery.endpoint_id, part.subject_id, class);
        let (endpoint, at) = (self.delivery.endpoint_id, MessageId(message).at());
        let opened = match pair.open(message, &aad, part.sealed) {
            Ok(opened) => opened,
            Err(error) => {
                // Sealed under a key that is gone, and another has taken its place: of a consent that came back.
                let made_at = ctx.keys.subject_made_at(name).await?;
                if made_at.is_none_or(|made_at| at < made_at + SKEW) {
                    return Ok(None);
                }
                return Err(error.into());
            }
        };
        let said: Said = serde_json::from_slice(&opened)?;
        let readable = if class == self.hook.transit_class {
            // Unless a rule came that says that nothing is to be kept.
            ctx.now() - at <= ctx.settings.webhooks.transit()
                && admission::is_readable(ctx, endpoint, &said.channel, NO_CLASS, at)
        } else {
            self.picture.class(class).is_some_and(|class| {
                message >= self.picture.cut(&class.key, ctx.now()).of_channel(&said.channel)
            })
        };
        if !readable {
            return Ok(None);
        }
        let reach = admission::reach(ctx, endpoint, part.purpose_id);
        let may = match part.subject_id {
            Some(person) => {
                let standing = ctx.standings.load(&ctx.store, self.scope, person).await?;
                standing.may_get(ctx, reach)
            }
            None => reach.has_strangers(),
        };
        Ok(may.then_some(said.item))
    }
}

/// Adds who it was to what happened to sessions. A session whose record has expired is not told of any more.
async fn name_sessions(
    ctx: &Ctx,
    scope: &TenantScope,
    items: Vec<Item>,
    told: &mut Told,
) -> Result<BTreeMap<i32, Value>> {
    let ids: Vec<ConnectionId> = items.iter().filter_map(|item| item.session).collect();
    let mut records: HashMap<ConnectionId, Option<SubjectId>> = HashMap::new();
    let mut persons: HashMap<SubjectId, String> = HashMap::new();
    if !ids.is_empty() {
        let tx = ctx.store.read(scope).await?;
        for some in ids.chunks(AT_ONCE) {
            let rows = tx
                .find::<connection::Entity>()
                .filter(connection::Column::Id.is_in(some.iter().copied()))
                .filter(connections::readable(&tx, ctx).await?)
                .all(tx.conn())
                .await?;
            records.extend(rows.into_iter().map(|row| (row.id, row.subject_id)));
        }
        let mut named: Vec<SubjectId> = records.values().copied().flatten().collect();
        named.sort_unstable();
        named.dedup();
        let mut rows = Vec::new();
        for some in named.chunks(AT_ONCE) {
            let found = tx
                .find::<subject::Entity>()
                .filter(subject::Column::Id.is_in(some.iter().copied()));
            rows.extend(found.all(tx.conn()).await?);
        }
        drop(tx);
        for row in rows {
            let id = row.id;
            // None once the person's key is destroyed.
            if let Some(name) = subjects::reveal(ctx, row).await?.external_id {
                persons.insert(id, name);
            }
        }
    }
    let mut events = BTreeMap::new();
    for item in items {
        let mut shape = item.shape;
        if let Some(session) = item.session {
            let Some(person) = records.get(&session) else {
                continue;
            };
            if let Some(person) = *person
                && let Some(name) = persons.get(&person)
            {
                shape["user_id"] = json!(name);
                *told.entry(person).or_default() += 1;
            }
        }
        events.insert(item.number, shape);
    }
    Ok(events)
}
