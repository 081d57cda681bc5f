//! From rows to messages, without what has expired.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entity::{channel, message};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};

use super::Message;
use crate::{
    ctx::Ctx,
    error::Result,
    ids::MessageId,
    journal::{BINARY, OUTBOUND},
    pictures::Picture,
    retention::{Class, Cut},
    tenancy::TenantTx,
};

/// Where a row is, without what is in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) class: i64,
    pub(super) id: i64,
    pub(super) channel: i64,
    pub(super) position: i64,
}

impl Place {
    pub(super) fn columns() -> [message::Column; 4] {
        use message::Column::{ChannelId, ClassId, Id, Position};
        [ClassId, Id, ChannelId, Position]
    }
}

impl From<(i64, i64, i64, i64)> for Place {
    fn from((class, id, channel, position): (i64, i64, i64, i64)) -> Self {
        Self {
            class,
            id,
            channel,
            position,
        }
    }
}

/// Reads for one caller, at one moment.
pub(super) struct Reader<'a> {
    pub(super) tx: &'a TenantTx,
    picture: &'a Picture,
    pub(super) now: DateTime<Utc>,
    classes: HashMap<i64, Option<(Arc<Class>, Cut)>>,
    names: HashMap<i64, Arc<str>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tx: &'a TenantTx, ctx: &Ctx, picture: &'a Picture) -> Self {
        Self {
            tx,
            picture,
            now: ctx.now(),
            classes: HashMap::new(),
            names: HashMap::new(),
        }
    }

    fn class(&mut self, id: i64) -> Option<&(Arc<Class>, Cut)> {
        let (picture, now) = (self.picture, self.now);
        self.classes
            .entry(id)
            .or_insert_with(|| {
                picture.class(id).map(|class| {
                    let cut = picture.cut(&class.key, now);
                    (class, cut)
                })
            })
            .as_ref()
    }

    /// Spares asking for the name of a channel that the caller has just read.
    pub(super) fn knows_channel(&mut self, channel: &channel::Model) {
        self.names
            .entry(channel.id)
            .or_insert_with(|| Arc::from(channel.name.as_str()));
    }

    async fn name_channels(&mut self, ids: impl Iterator<Item = i64>) -> Result<()> {
        let mut missing: Vec<_> = ids.filter(|id| !self.names.contains_key(id)).collect();
        missing.sort_unstable();
        missing.dedup();
        for some in missing.chunks(500) {
            let rows: Vec<(i64, String)> = self
                .tx
                .find::<channel::Entity>()
                .select_only()
                .column(channel::Column::Id)
                .column(channel::Column::Name)
                .filter(channel::Column::Id.is_in(some.iter().copied()))
                .into_tuple()
                .all(self.tx.conn())
                .await?;
            self.names
                .extend(rows.into_iter().map(|(id, name)| (id, Arc::from(name))));
        }
        Ok(())
    }

    /// Those that are readable.
    pub(super) async fn readable(&mut self, places: Vec<Place>) -> Result<Vec<Place>> {
        self.name_channels(places.iter().map(|place| place.channel))
            .await?;
        Ok(places
            .into_iter()
            .filter(|place| self.is_readable(place.class, place.id, place.channel))
            .collect())
    }

    /// Whether a message can be read now. The name of its channel must be known.
    pub(super) fn is_readable(&mut self, class: i64, id: i64, channel: i64) -> bool {
        // Without its channel a message has no rule.
        let Some(name) = self.names.get(&channel).cloned() else {
            return false;
        };
        self.class(class)
            .is_some_and(|(_, cut)| id >= cut.of_channel(&name))
    }

    /// The messages at these places, in their order.
    pub(super) async fn fetch(&mut self, places: &[Place]) -> Result<Vec<Message>> {
        let mut by_class: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for place in places {
            by_class.entry(place.class).or_default().push(place.id);
        }
        let mut rows = HashMap::with_capacity(places.len());
        for (class, ids) in by_class {
            for some in ids.chunks(500) {
                let found = self
                    .tx
                    .find::<message::Entity>()
                    .filter(message::Column::ClassId.eq(class))
                    .filter(message::Column::Id.is_in(some.iter().copied()))
                    .all(self.tx.conn())
                    .await?;
                rows.extend(found.into_iter().map(|row| ((row.class_id, row.id), row)));
            }
        }
        let rows = places
            .iter()
            .filter_map(|place| rows.remove(&(place.class, place.id)))
            .collect();
        self.take(rows).await
    }

    /// Makes messages of rows; what has expired is left out.
    pub(super) async fn take(&mut self, rows: Vec<message::Model>) -> Result<Vec<Message>> {
        self.name_channels(rows.iter().map(|row| row.channel_id)).await?;
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            if !self.is_readable(row.class_id, row.id, row.channel_id) {
                continue;
            }
            let Some(channel) = self.names.get(&row.channel_id).cloned() else {
                continue;
            };
            let picture = self.picture;
            let Some((class, _)) = self.class(row.class_id) else {
                continue;
            };
            let Some(kept) = picture.kept(&class.key, &channel) else {
                continue;
            };
            let id = MessageId(row.id);
            messages.push(Message {
                id,
                endpoint: class.key.endpoint,
                channel,
                position: row.position,
                outbound: row.flags & OUTBOUND != 0,
                binary: row.flags & BINARY != 0,
                subject: row.subject_id,
                purpose: class.key.purpose,
                data_types: class.key.data_types.clone(),
                size: row.size,
                created_at: id.at(),
                expires_at: kept.until(id.at()),
                row,
            });
        }
        Ok(messages)
    }
}
