//! One group in one transaction.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use entity::id::{EndpointId, TenantId};
use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::{
    JournalError, Reply, Stored,
    insert::Inserts,
    seal::{Sealed, is_gone},
};
use crate::{ctx::Ctx, tenancy::SystemTx};

/// What became of a message.
pub(super) struct Settled {
    pub(super) reply: Reply,
    /// What it took in the queue.
    pub(super) weight: usize,
    pub(super) outcome: Result<Stored, JournalError>,
}

/// Where a channel's next message goes.
struct Place {
    tenant: TenantId,
    count: i64,
    id: i64,
    next: i64,
    epoch: Arc<str>,
}

type Channels = HashMap<(EndpointId, Arc<str>), Place>;

/// Commits a group. Answers in its order.
pub(super) async fn commit(ctx: Ctx, inserts: Arc<Inserts>, group: Vec<Sealed>) -> Vec<Settled> {
    let mut settled = Vec::with_capacity(group.len());
    if let Err(error) = write(&ctx, &inserts, group, &mut settled).await {
        tracing::error!(%error, "the journal could not commit");
        for message in &mut settled {
            message.outcome = Err(JournalError::Failed);
        }
    }
    settled
}

async fn write(
    ctx: &Ctx,
    inserts: &Inserts,
    group: Vec<Sealed>,
    settled: &mut Vec<Settled>,
) -> Result<(), DbErr> {
    let begun = ctx
        .store
        .system("the journal commits messages of all tenants")
        .await;
    // Whoever was erased while the group waited for the writer has no message recorded any more.
    let group: Vec<_> = group
        .into_iter()
        .map(|message| {
            (
                message.subject.is_some_and(|subject| is_gone(ctx, subject)),
                message,
            )
        })
        .collect();
    let mut channels = Channels::new();
    for (_, message) in group.iter().filter(|(gone, _)| !gone) {
        channels
            .entry((message.endpoint, message.channel.clone()))
            .or_insert_with(|| Place {
                tenant: message.tenant,
                count: 0,
                id: 0,
                next: 0,
                epoch: Arc::from(""),
            })
            .count += 1;
    }
    let placed = match &begun {
        Ok(tx) => place(ctx, tx, inserts, &mut channels).await,
        Err(_) => Ok(()),
    };
    let mut values = Vec::with_capacity(group.len() * 10);
    let mut ingested: BTreeMap<i64, (TenantId, i64)> = BTreeMap::new();
    for (gone, message) in group {
        let outcome = match channels.get_mut(&(message.endpoint, message.channel)) {
            Some(place) if !gone => {
                let position = place.next;
                place.next += 1;
                let id = message.row.as_ref().map(|row| row.id);
                if let Some(row) = message.row {
                    ingested.entry(row.class).or_insert((message.tenant, 0)).1 += 1;
                    values.extend([
                        Value::from(row.class),
                        row.id.0.into(),
                        message.tenant.into(),
                        place.id.into(),
                        position.into(),
                        message.subject.map(|subject| subject.0).into(),
                        row.bucket.into(),
                        row.flags.into(),
                        i32::try_from(row.size).unwrap_or(i32::MAX).into(),
                        row.bytes.into(),
                    ]);
                }
                Ok(Stored {
                    id,
                    position,
                    epoch: place.epoch.clone(),
                })
            }
            _ => Err(JournalError::Refused),
        };
        settled.push(Settled {
            reply: message.reply,
            weight: message.weight,
            outcome,
        });
    }
    // Only now: whatever failed above, every message has its answer.
    placed?;
    let tx = begun?;
    for statement in inserts
        .messages(values)
        .into_iter()
        .chain(inserts.counts(&ingested))
    {
        tx.conn().execute_raw(statement).await?;
    }
    tx.save().await
}

/// Has the store give out positions.
async fn place(ctx: &Ctx, tx: &SystemTx, inserts: &Inserts, channels: &mut Channels) -> Result<(), DbErr> {
    // In one order everywhere, so that two processes never wait for each other.
    let mut keys: Vec<_> = channels.keys().cloned().collect();
    keys.sort_unstable();
    let now = ctx.now();
    let mut values: Vec<Value> = Vec::with_capacity(keys.len() * 7);
    for key in &keys {
        let place = &channels[key];
        // An id is never used twice, so it makes an epoch, too.
        let id = ctx.ids.next_message().0;
        values.extend([
            Value::from(id),
            place.tenant.into(),
            key.0.into(),
            key.1.to_string().into(),
            format!("{id:x}").into(),
            place.count.into(),
            now.into(),
        ]);
    }
    for statement in inserts.channels(values) {
        for row in tx.conn().query_all_raw(statement).await? {
            let endpoint = EndpointId(row.try_get_by_index::<Uuid>(0)?);
            let name: String = row.try_get_by_index(1)?;
            let Some(place) = channels.get_mut(&(endpoint, Arc::from(name))) else {
                continue;
            };
            place.id = row.try_get_by_index(2)?;
            place.epoch = Arc::from(row.try_get_by_index::<String>(3)?);
            place.next = row.try_get_by_index::<i64>(4)? - place.count + 1;
        }
    }
    Ok(())
}
