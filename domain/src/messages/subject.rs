//! What is recorded about one person.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{
    channel, held_message,
    id::{DataTypeId, EndpointId, PurposeId, SubjectId},
    message::{self, Column},
};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Message,
    reader::{Place, Reader},
};
use crate::{
    ctx::Ctx, duration::Kept, error::Result, ids::MessageId, pictures, retention::counts, tenancy::TenantTx,
};

/// What is held about a person, of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The endpoint it passed.
    pub endpoint: EndpointId,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// What was found in it.
    pub data_types: Vec<DataTypeId>,
    /// How many messages.
    pub messages: i64,
    /// When the oldest was recorded.
    pub oldest_at: DateTime<Utc>,
    /// When the newest was recorded.
    pub newest_at: DateTime<Utc>,
    /// When the first of them expires.
    pub next_expiry_at: DateTime<Utc>,
    /// When the last of them expires.
    pub last_expiry_at: DateTime<Utc>,
    /// How long each is kept; the longest, where that differs. ISO 8601.
    pub duration: String,
}

#[derive(FromQueryResult)]
struct Group {
    channel_id: i64,
    messages: i64,
    oldest: i64,
    newest: i64,
}

/// The same, channel by channel.
#[derive(Clone, Debug)]
pub(crate) struct HeldOnChannel {
    pub(crate) endpoint: EndpointId,
    pub(crate) channel: String,
    pub(crate) purpose: Option<PurposeId>,
    pub(crate) data_types: Vec<DataTypeId>,
    pub(crate) messages: i64,
    pub(crate) oldest_at: DateTime<Utc>,
    pub(crate) newest_at: DateTime<Utc>,
    pub(crate) kept: Kept,
    /// When the last of them expires.
    pub(crate) last_expiry_at: DateTime<Utc>,
}

/// What is held about a person and can be read now, by endpoint, purpose and data types.
pub async fn held(tx: &TenantTx, ctx: &Ctx, subject: SubjectId) -> Result<Vec<Held>> {
    let mut held: BTreeMap<_, (Held, Kept)> = BTreeMap::new();
    for group in held_by_channel(tx, ctx, subject).await? {
        let kept = group.kept;
        let more = Held {
            endpoint: group.endpoint,
            purpose: group.purpose,
            data_types: group.data_types.clone(),
            messages: group.messages,
            oldest_at: group.oldest_at,
            newest_at: group.newest_at,
            next_expiry_at: kept.until(group.oldest_at),
            last_expiry_at: group.last_expiry_at,
            duration: kept.to_string(),
        };
        match held.get_mut(&(group.endpoint, group.purpose, group.data_types.clone())) {
            Some((held, longest)) => {
                held.add(&more);
                if kept.approximate() > longest.approximate() {
                    *longest = kept;
                    held.duration = kept.to_string();
                }
            }
            None => drop(held.insert((group.endpoint, group.purpose, group.data_types), (more, kept))),
        }
    }
    Ok(held.into_values().map(|(held, _)| held).collect())
}

/// What is held about a person and can be read now, class by class and channel by channel.
pub(crate) async fn held_by_channel(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
) -> Result<Vec<HeldOnChannel>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let now = ctx.now();
    let met: Vec<i64> = tx
        .find::<message::Entity>()
        .select_only()
        .column(Column::ClassId)
        .distinct()
        .filter(Column::SubjectId.eq(subject))
        .into_tuple()
        .all(tx.conn())
        .await?;
    let mut held = Vec::new();
    for class in met.into_iter().filter_map(|id| Some((id, picture.class(id)?))) {
        let (id, class) = class;
        let cut = picture.cut(&class.key, now);
        if cut.is_nothing() {
            continue;
        }
        let groups = tx
            .find::<message::Entity>()
            .select_only()
            .column(Column::ChannelId)
            .column_as(Column::Id.count(), "messages")
            .column_as(Column::Id.min(), "oldest")
            .column_as(Column::Id.max(), "newest")
            .filter(Column::SubjectId.eq(subject))
            .filter(Column::ClassId.eq(id))
            .filter(cut.readable(ctx.store.engine()))
            .group_by(Column::ChannelId)
            .into_model::<Group>()
            .all(tx.conn())
            .await?;
        for group in groups {
            let Some(channel) = channel_name(tx, group.channel_id).await? else {
                continue;
            };
            let Some(kept) = picture.kept(&class.key, &channel) else {
                continue;
            };
            let (oldest_at, newest_at) = (MessageId(group.oldest).at(), MessageId(group.newest).at());
            held.push(HeldOnChannel {
                endpoint: class.key.endpoint,
                channel,
                purpose: class.key.purpose,
                data_types: class.key.data_types.clone(),
                messages: group.messages,
                oldest_at,
                newest_at,
                kept,
                last_expiry_at: kept.until(newest_at),
            });
        }
    }
    Ok(held)
}

impl Held {
    fn add(&mut self, more: &Self) {
        self.messages += more.messages;
        self.oldest_at = self.oldest_at.min(more.oldest_at);
        self.newest_at = self.newest_at.max(more.newest_at);
        self.next_expiry_at = self.next_expiry_at.min(more.next_expiry_at);
        self.last_expiry_at = self.last_expiry_at.max(more.last_expiry_at);
    }
}

async fn channel_name(tx: &TenantTx, id: i64) -> Result<Option<String>> {
    let row = tx
        .find::<channel::Entity>()
        .filter(channel::Column::Id.eq(id))
        .one(tx.conn())
        .await?;
    Ok(row.map(|row| row.name))
}

/// A person's readable messages, oldest first, after an id (none: from the beginning), at most `limit`, and the id to
/// go on after; none when that was all.
pub async fn for_subject(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    after: Option<MessageId>,
    limit: u64,
) -> Result<(Vec<Message>, Option<MessageId>)> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut reader = Reader::new(tx, ctx, &picture);
    let mut rows = tx
        .find::<message::Entity>()
        .select_only()
        .columns(Place::columns())
        .filter(Column::SubjectId.eq(subject))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after.0));
    }
    let rows: Vec<(i64, i64, i64, i64)> = rows.into_tuple().all(tx.conn()).await?;
    let full = u64::try_from(rows.len()).is_ok_and(|count| count == limit);
    let places: Vec<Place> = rows.into_iter().map(Place::from).collect();
    let next = places.last().filter(|_| full).map(|place| MessageId(place.id));
    let places = reader.readable(places).await?;
    Ok((reader.fetch(&places).await?, next))
}

/// How many messages of a person can be read now.
pub async fn count_subject(tx: &TenantTx, ctx: &Ctx, subject: SubjectId) -> Result<i64> {
    Ok(held(tx, ctx, subject)
        .await?
        .iter()
        .map(|held| held.messages)
        .sum())
}

/// Removes a person's messages, the oldest first, at most `limit`. Answers how many; 0: none are left.
pub async fn erase_subject(tx: &TenantTx, subject: SubjectId, limit: u64) -> Result<u64> {
    let rows: Vec<(i64, i64)> = tx
        .find::<message::Entity>()
        .select_only()
        .column(Column::ClassId)
        .column(Column::Id)
        .filter(Column::SubjectId.eq(subject))
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(tx.conn())
        .await?;
    for (class, gone) in gone_for_good(tx, &rows).await? {
        counts::deleted(tx, class, gone).await?;
    }
    let mut gone = 0;
    for some in rows.chunks(500) {
        gone += tx
            .delete_many::<message::Entity>()
            .filter(Column::SubjectId.eq(subject))
            .filter(Column::Id.is_in(some.iter().map(|(_, id)| *id)))
            .exec(tx.conn())
            .await?
            .rows_affected;
    }
    Ok(gone)
}

/// Of these messages (class and id), which are about to go, how many no hold keeps, by class.
pub(crate) async fn gone_for_good(tx: &TenantTx, rows: &[(i64, i64)]) -> Result<BTreeMap<i64, u64>> {
    let mut gone: BTreeMap<i64, u64> = BTreeMap::new();
    for some in rows.chunks(500) {
        let held: HashSet<i64> = tx
            .find::<held_message::Entity>()
            .select_only()
            .column(held_message::Column::MessageId)
            .filter(held_message::Column::MessageId.is_in(some.iter().map(|(_, id)| *id)))
            .into_tuple::<i64>()
            .all(tx.conn())
            .await?
            .into_iter()
            .collect();
        for (class, _) in some.iter().filter(|(_, id)| !held.contains(id)) {
            *gone.entry(*class).or_default() += 1;
        }
    }
    Ok(gone)
}
