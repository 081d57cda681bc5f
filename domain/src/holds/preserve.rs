//! Putting aside what holds cover, before it goes.

use std::sync::Arc;

use entity::{
    held_message, hold,
    id::{PurposeId, SubjectId},
    message,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::OnConflict};

use super::scope::{Scope, active};
use super::watch::{Watch, watch};
use crate::{
    channels::names,
    ctx::Ctx,
    error::Result,
    journal,
    keys::SubjectKeyName,
    pictures::{self, Picture},
    retention::Class,
    tenancy::{TenantScope, TenantTx},
};

/// Messages in one transaction.
const BATCH: u64 = 500;

/// What was put aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preserved {
    /// Messages of which at least one hold has a copy now.
    pub(crate) messages: u64,
    /// Covered, and not to be opened any more: a key was gone before the hold was there.
    pub(crate) lost: u64,
}

impl Preserved {
    fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.lost += more.lost;
    }
}

/// Puts aside what these holds cover of one class, of the rows that fulfil `which`. What is there already is not made
/// twice, so this can be run again.
pub(crate) async fn preserve(
    ctx: &Ctx,
    scope: &TenantScope,
    class: (i64, &Class),
    holds: &[Scope],
    which: Condition,
) -> Result<Preserved> {
    let (id, class) = class;
    let holds: Vec<_> = holds.iter().filter(|hold| hold.may_cover(&class.key)).collect();
    let mut preserved = Preserved::default();
    if holds.is_empty() {
        return Ok(preserved);
    }
    let mut after = None;
    loop {
        let view = ctx.store.read(scope).await?;
        let mut rows = view
            .find::<message::Entity>()
            .filter(message::Column::ClassId.eq(id))
            .filter(which.clone())
            .order_by_asc(message::Column::Id)
            .limit(BATCH);
        if let Some(after) = after {
            rows = rows.filter(message::Column::Id.gt(after));
        }
        let rows = rows.all(view.conn()).await?;
        let Some(last) = rows.last() else {
            return Ok(preserved);
        };
        after = Some(last.id);
        let names = names(&view, rows.iter().map(|row| row.channel_id)).await?;
        drop(view);
        let covered = rows.into_iter().filter_map(|row| {
            let channel = names.get(&row.channel_id).map_or("", String::as_str);
            let by: Vec<_> = holds
                .iter()
                .filter(|hold| hold.covers(row.id, channel, row.subject_id))
                .copied()
                .collect();
            (!by.is_empty()).then(|| (row, channel.to_owned(), by))
        });
        preserved.add(put_aside(ctx, scope, class, covered.collect()).await?);
    }
}

/// A message, its channel, and the holds that cover it.
type Covered<'a> = (message::Model, String, Vec<&'a Scope>);

async fn put_aside(
    ctx: &Ctx,
    scope: &TenantScope,
    class: &Class,
    covered: Vec<Covered<'_>>,
) -> Result<Preserved> {
    let mut preserved = Preserved::default();
    if covered.is_empty() {
        return Ok(preserved);
    }
    let tenant = scope.tenant();
    let key = &class.key;
    let name = |row: &message::Model| {
        (
            SubjectKeyName::for_messages(tenant, row.subject_id, key.purpose),
            row.bucket_id,
        )
    };
    let pairs = ctx
        .keys
        .pairs_to_open(covered.iter().map(|(row, ..)| name(row)))
        .await?;
    let mut copies = Vec::with_capacity(covered.len());
    for (row, channel, holds) in covered {
        let aad = journal::aad(tenant, key.endpoint, row.subject_id, row.class_id);
        let opened = pairs
            .get(&name(&row))
            .and_then(|pair| pair.open(row.id, &aad, row.sealed.clone()).ok());
        let Some(opened) = opened else {
            preserved.lost += 1;
            continue;
        };
        preserved.messages += 1;
        for hold in holds {
            let pair = ctx.keys.hold_pair(tenant, hold.number).await?;
            let aad = journal::aad(tenant, key.endpoint, row.subject_id, hold.number);
            copies.push(held_message::ActiveModel {
                hold_id: Set(hold.hold),
                message_id: Set(row.id),
                class_id: Set(row.class_id),
                endpoint_id: Set(key.endpoint),
                channel: Set(channel.clone()),
                position: Set(row.position),
                subject_id: Set(row.subject_id),
                purpose_id: Set(key.purpose),
                flags: Set(row.flags),
                size: Set(row.size),
                sealed: Set(pair.seal(row.id, &aad, opened.clone())?),
                held_at: Set(ctx.now()),
                ..Default::default()
            });
        }
    }
    insert(ctx, scope, copies).await?;
    if preserved.lost > 0 {
        tracing::warn!(
            messages = preserved.lost,
            "what a hold covers could not be opened any more"
        );
    }
    Ok(preserved)
}

/// What a hold keeps that another one covers that stands goes over to that one: it would be lost otherwise, since it is
/// among no messages any more.
pub(super) async fn hand_over(ctx: &Ctx, scope: &TenantScope, from: &hold::Model) -> Result<()> {
    use held_message::Column;
    let tenant = scope.tenant();
    let watch = watch(ctx, scope).await?;
    if watch.is_empty() {
        return Ok(());
    }
    let Some(key) = ctx.keys.hold_pair_to_open(tenant, from.number).await? else {
        return Ok(());
    };
    let picture = pictures::load(ctx, scope).await?;
    let mut after = i64::MIN;
    loop {
        let view = ctx.store.read(scope).await?;
        let rows = view
            .find::<held_message::Entity>()
            .filter(Column::HoldId.eq(from.id))
            .filter(Column::MessageId.gt(after))
            .order_by_asc(Column::MessageId)
            .limit(BATCH)
            .all(view.conn())
            .await?;
        drop(view);
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.message_id;
        let mut copies = Vec::new();
        for row in &rows {
            let Some(class) = picture.class(row.class_id) else {
                continue;
            };
            let covering = watch.iter().filter(|hold| {
                hold.may_cover(&class.key) && hold.covers(row.message_id, &row.channel, row.subject_id)
            });
            for hold in covering {
                let aad = |number| journal::aad(tenant, row.endpoint_id, row.subject_id, number);
                let opened = key.open(row.message_id, &aad(from.number), row.sealed.clone())?;
                let to = ctx.keys.hold_pair(tenant, hold.number).await?;
                copies.push(held_message::ActiveModel {
                    hold_id: Set(hold.hold),
                    sealed: Set(to.seal(row.message_id, &aad(hold.number), opened)?),
                    held_at: Set(ctx.now()),
                    ..row.clone().into()
                });
            }
        }
        insert(ctx, scope, copies).await?;
    }
}

async fn insert(ctx: &Ctx, scope: &TenantScope, copies: Vec<held_message::ActiveModel>) -> Result<()> {
    if copies.is_empty() {
        return Ok(());
    }
    let tx = ctx.store.begin(scope).await?;
    for copy in copies {
        tx.upsert(copy, OnConflict::new().do_nothing().to_owned()).await?;
    }
    tx.save().await?;
    Ok(())
}

/// Puts aside what holds cover of a person's messages, for one purpose or all, before their keys are destroyed. Whoever
/// destroys holds the watch until that is done.
pub(crate) async fn preserve_subject(
    ctx: &Ctx,
    scope: &TenantScope,
    watch: &Watch,
    subject: SubjectId,
    purpose: Option<PurposeId>,
) -> Result<Preserved> {
    let mut preserved = Preserved::default();
    if watch.is_empty() {
        return Ok(preserved);
    }
    let picture = pictures::load(ctx, scope).await?;
    let view = ctx.store.read(scope).await?;
    let classes = classes_of(&view, &picture, subject, purpose).await?;
    drop(view);
    for (id, class) in classes {
        let theirs = Condition::all().add(message::Column::SubjectId.eq(subject));
        preserved.add(preserve(ctx, scope, (id, &class), watch, theirs).await?);
    }
    Ok(preserved)
}

/// The classes in which there is something of a person, for one purpose or all.
async fn classes_of(
    tx: &TenantTx,
    picture: &Picture,
    subject: SubjectId,
    purpose: Option<PurposeId>,
) -> Result<Vec<(i64, Arc<Class>)>> {
    let classes: Vec<i64> = tx
        .find::<message::Entity>()
        .select_only()
        .column(message::Column::ClassId)
        .distinct()
        .filter(message::Column::SubjectId.eq(subject))
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(classes
        .into_iter()
        .filter_map(|id| Some((id, picture.class(id)?)))
        .filter(|(_, class)| purpose.is_none() || class.key.purpose == purpose)
        .collect())
}

/// Whether a hold that stands covers something of a person, for one purpose or all, that is still among the messages.
pub(crate) async fn is_waiting(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    purpose: Option<PurposeId>,
) -> Result<bool> {
    let holds = active(tx, ctx.now()).await?;
    if holds.is_empty() {
        return Ok(false);
    }
    let picture = pictures::load(ctx, tx.scope()).await?;
    for (id, class) in classes_of(tx, &picture, subject, purpose).await? {
        let holds: Vec<_> = holds.iter().filter(|hold| hold.may_cover(&class.key)).collect();
        let mut after = i64::MIN;
        while !holds.is_empty() {
            let rows: Vec<(i64, i64)> = tx
                .find::<message::Entity>()
                .select_only()
                .column(message::Column::Id)
                .column(message::Column::ChannelId)
                .filter(message::Column::ClassId.eq(id))
                .filter(message::Column::SubjectId.eq(subject))
                .filter(message::Column::Id.gt(after))
                .order_by_asc(message::Column::Id)
                .limit(BATCH)
                .into_tuple()
                .all(tx.conn())
                .await?;
            let Some((last, _)) = rows.last() else { break };
            after = *last;
            let names = names(tx, rows.iter().map(|(_, channel)| *channel)).await?;
            let is_covered = |(id, channel): &(i64, i64)| {
                let channel = names.get(channel).map_or("", String::as_str);
                holds.iter().any(|hold| hold.covers(*id, channel, Some(subject)))
            };
            if rows.iter().any(is_covered) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
