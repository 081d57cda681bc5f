//! What a channel's history holds, in order: what a client that comes back missed.

use std::sync::Arc;

use entity::{
    channel,
    id::EndpointId,
    message::{self, Column},
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Message,
    reader::{Place, Reader},
};
use crate::{
    ctx::Ctx,
    error::Result,
    page::{Cursor, Page, PageIn},
    pictures,
    tenancy::TenantTx,
};

/// A part of a channel's history.
#[derive(Clone, Debug)]
pub struct History {
    /// Readable messages after the position that was asked about, oldest first.
    pub messages: Vec<Message>,
    /// Positions of another epoch mean nothing here.
    pub epoch: Arc<str>,
    /// The newest position that was given out.
    pub last_position: i64,
    /// Where the next part begins; none when this was the last.
    pub next_cursor: Option<String>,
}

/// Reads on from a position (0: from the beginning), or from where the page before ended. None when nothing was ever
/// recorded on the channel.
pub async fn history(
    tx: &TenantTx,
    ctx: &Ctx,
    endpoint: EndpointId,
    name: &str,
    after: i64,
    page: &PageIn,
) -> Result<Option<History>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let channel = tx
        .find::<channel::Entity>()
        .filter(channel::Column::EndpointId.eq(endpoint))
        .filter(channel::Column::Name.eq(name))
        .one(tx.conn())
        .await?;
    let Some(channel) = channel else {
        return Ok(None);
    };
    let mut reader = Reader::new(tx, ctx, &picture);
    // No class has anything older that could be read here: this skips at once what is expired and not yet removed.
    let first = picture
        .classes()
        .iter()
        .filter(|(_, class)| class.key.endpoint == endpoint)
        .map(|(_, class)| picture.cut(&class.key, reader.now).of_channel(name))
        .min()
        .unwrap_or(i64::MAX);
    let wanted = usize::try_from(page.limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let step = wanted.max(256);
    let mut places: Vec<Place> = Vec::new();
    let mut position = page.after_number()?.unwrap_or(after);
    loop {
        let rows: Vec<(i64, i64, i64, i64)> = tx
            .find::<message::Entity>()
            .select_only()
            .columns(Place::columns())
            .filter(Column::ChannelId.eq(channel.id))
            .filter(Column::Position.gt(position))
            .filter(Column::Id.gte(first))
            .order_by_asc(Column::Position)
            .limit(u64::try_from(step).unwrap_or(u64::MAX))
            .into_tuple()
            .all(tx.conn())
            .await?;
        let full = rows.len() == step;
        let some: Vec<Place> = rows.into_iter().map(Place::from).collect();
        position = some.last().map_or(position, |place| place.position);
        places.extend(reader.readable(some).await?);
        if places.len() >= wanted || !full {
            break;
        }
    }
    let part = Page::cut(places, page, |place| Cursor::Number(place.position));
    Ok(Some(History {
        messages: reader.fetch(&part.items).await?,
        epoch: Arc::from(channel.epoch),
        last_position: channel.last_offset,
        next_cursor: part.next_cursor,
    }))
}
