//! Search, newest first. What is asked for decides which order of the store is followed: a person's messages, a channel's,
//! or classes side by side.

use chrono::{DateTime, Utc};
use entity::{
    channel,
    id::{DataTypeId, EndpointId, PurposeId, SubjectId},
    message::{self, Column},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Message,
    reader::{Place, Reader},
};
use crate::{
    ctx::Ctx,
    error::Result,
    ids::MessageId,
    journal::{BINARY, NAMED, OUTBOUND},
    page::{Cursor, Page, PageIn},
    pictures::{self, Picture},
    retention::ClassKey,
    tenancy::TenantTx,
};

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// On this endpoint.
    pub endpoint: Option<EndpointId>,
    /// On channels with this name.
    pub channel: Option<String>,
    /// About this person.
    pub subject: Option<SubjectId>,
    /// For this purpose.
    pub purpose: Option<PurposeId>,
    /// With this data type in it.
    pub data_type: Option<DataTypeId>,
    /// To the end-user, or from them.
    pub outbound: Option<bool>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

impl Filter {
    /// The names of what is asked for, for the audit log: never what was asked for.
    pub fn names(&self) -> Vec<&'static str> {
        [
            (self.endpoint.is_some(), "endpoint"),
            (self.channel.is_some(), "channel"),
            (self.subject.is_some(), "subject"),
            (self.purpose.is_some(), "purpose"),
            (self.data_type.is_some(), "data_type"),
            (self.outbound.is_some(), "direction"),
            (self.from.is_some(), "from"),
            (self.to.is_some(), "to"),
        ]
        .into_iter()
        .filter_map(|(asked, name)| asked.then_some(name))
        .collect()
    }

    fn asks_for(&self, class: &ClassKey) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == class.endpoint)
            && self.purpose.is_none_or(|purpose| class.purpose == Some(purpose))
            && self
                .data_type
                .is_none_or(|data_type| class.data_types.contains(&data_type))
    }

    /// What the rows themselves tell.
    fn of_rows(&self) -> Condition {
        let mut rows = Condition::all();
        if let Some(subject) = self.subject {
            rows = rows.add(Column::SubjectId.eq(subject));
        }
        if let Some(outbound) = self.outbound {
            let way = if outbound { OUTBOUND } else { 0 };
            let flags = [0, BINARY, NAMED, BINARY | NAMED].map(|others| way | others);
            rows = rows.add(Column::Flags.is_in(flags));
        }
        if let Some(from) = self.from {
            rows = rows.add(Column::Id.gte(MessageId::first_at(from).0));
        }
        if let Some(to) = self.to {
            rows = rows.add(Column::Id.lt(MessageId::first_at(to).0));
        }
        rows
    }
}

/// Searches. What has expired is not found.
pub async fn search(tx: &TenantTx, ctx: &Ctx, filter: &Filter, page: &PageIn) -> Result<Page<Message>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let channels = match &filter.channel {
        Some(name) => Some(channels(tx, filter, name).await?),
        None => None,
    };
    let mut search = Search {
        reader: Reader::new(tx, ctx, &picture),
        tx,
        ctx,
        picture: &picture,
        filter,
        rows: filter.of_rows(),
        after: page.after_number()?,
        wanted: usize::try_from(page.limit)
            .unwrap_or(usize::MAX)
            .saturating_add(1),
    };
    let by_position = filter.subject.is_none() && channels.as_ref().is_some_and(|ids| ids.len() == 1);
    let places = match channels {
        Some(ids) if ids.is_empty() => Vec::new(),
        Some(ids) => {
            search.rows = search.rows.add(Column::ChannelId.is_in(ids));
            if by_position {
                search.along(Column::Position).await?
            } else if filter.subject.is_some() {
                search.along(Column::Id).await?
            } else {
                search.across_classes().await?
            }
        }
        None if filter.subject.is_some() => search.along(Column::Id).await?,
        None => search.across_classes().await?,
    };
    let found = Page::cut(places, page, |place| {
        Cursor::Number(if by_position { place.position } else { place.id })
    });
    Ok(Page {
        items: search.reader.fetch(&found.items).await?,
        next_cursor: found.next_cursor,
    })
}

/// Channels with this name.
async fn channels(tx: &TenantTx, filter: &Filter, name: &str) -> Result<Vec<i64>> {
    let mut rows = tx
        .find::<channel::Entity>()
        .select_only()
        .column(channel::Column::Id)
        .filter(channel::Column::Name.eq(name));
    if let Some(endpoint) = filter.endpoint {
        rows = rows.filter(channel::Column::EndpointId.eq(endpoint));
    }
    Ok(rows.into_tuple().all(tx.conn()).await?)
}

struct Search<'a> {
    reader: Reader<'a>,
    tx: &'a TenantTx,
    ctx: &'a Ctx,
    picture: &'a Picture,
    filter: &'a Filter,
    rows: Condition,
    after: Option<i64>,
    wanted: usize,
}

impl Search<'_> {
    /// Follows a person's messages by id, or a channel's by position.
    async fn along(&mut self, order: Column) -> Result<Vec<Place>> {
        let step = self.wanted.max(256);
        let mut places = Vec::new();
        let mut after = self.after;
        loop {
            let mut rows = self
                .tx
                .find::<message::Entity>()
                .select_only()
                .columns(Place::columns())
                .filter(self.rows.clone())
                .order_by_desc(order)
                .limit(u64::try_from(step).unwrap_or(u64::MAX));
            if let Some(after) = after {
                rows = rows.filter(order.lt(after));
            }
            let rows: Vec<(i64, i64, i64, i64)> = rows.into_tuple().all(self.tx.conn()).await?;
            let more = rows.len() == step;
            let some: Vec<Place> = rows.into_iter().map(Place::from).collect();
            after = some.last().map(|place| match order {
                Column::Position => place.position,
                _ => place.id,
            });
            let asked_for = some
                .into_iter()
                .filter(|place| {
                    self.picture
                        .class(place.class)
                        .is_some_and(|class| self.filter.asks_for(&class.key))
                })
                .collect();
            places.extend(self.reader.readable(asked_for).await?);
            if places.len() >= self.wanted || !more {
                places.truncate(self.wanted);
                return Ok(places);
            }
        }
    }

    /// The newest of each class that is asked for, merged.
    async fn across_classes(&mut self) -> Result<Vec<Place>> {
        let mut places: Vec<Place> = Vec::new();
        for (id, class) in self.picture.classes() {
            if !self.filter.asks_for(&class.key) {
                continue;
            }
            let cut = self.picture.cut(&class.key, self.reader.now);
            if cut.is_nothing() {
                continue;
            }
            let mut rows = self
                .tx
                .find::<message::Entity>()
                .select_only()
                .columns(Place::columns())
                .filter(Column::ClassId.eq(id))
                .filter(cut.readable(self.ctx.store.engine()))
                .filter(self.rows.clone())
                .order_by_desc(Column::Id)
                .limit(u64::try_from(self.wanted).unwrap_or(u64::MAX));
            if let Some(after) = self.after {
                rows = rows.filter(Column::Id.lt(after));
            }
            // Once there are enough, only what is newer than the last of them is of interest.
            if let Some(last) = places.get(self.wanted.saturating_sub(1)) {
                rows = rows.filter(Column::Id.gt(last.id));
            }
            let rows: Vec<(i64, i64, i64, i64)> = rows.into_tuple().all(self.tx.conn()).await?;
            places.extend(rows.into_iter().map(Place::from));
            places.sort_unstable_by_key(|place| std::cmp::Reverse(place.id));
            places.truncate(self.wanted);
        }
        Ok(places)
    }
}
