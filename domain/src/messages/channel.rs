//! What a channel's history holds, in the order of its positions.

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
    channels,
    ctx::Ctx,
    error::Result,
    page::{Cursor, Page, PageIn},
    pictures::{self, Picture},
    tenancy::TenantTx,
};

/// Which part of a channel's history is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Only positions above this one.
    pub after: Option<i64>,
    /// Only positions below this one.
    pub before: Option<i64>,
    /// From the newest to the oldest.
    pub newest_first: bool,
}

/// A part of a channel's history.
#[derive(Clone, Debug)]
pub struct History {
    /// Readable messages of the window, in its order.
    pub messages: Vec<Message>,
    /// Positions of another epoch mean nothing here.
    pub epoch: Arc<str>,
    /// The newest position that was given out.
    pub top: i64,
    /// Where the next part begins; none when this was the last.
    pub next_cursor: Option<String>,
}

/// Reads a part of a channel's history, or goes on where the page before ended. None when nothing was ever recorded on
/// the channel.
pub async fn history(
    tx: &TenantTx,
    ctx: &Ctx,
    endpoint: EndpointId,
    name: &str,
    window: Window,
    page: &PageIn,
) -> Result<Option<History>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let Some(channel) = channels::find(tx, endpoint, name).await? else {
        return Ok(None);
    };
    let mut reader = Reader::new(tx, ctx, &picture);
    let mut walk = Walk::new(&mut reader, &picture, &channel, window);
    if let Some(ended) = page.after_number()? {
        walk.go_on_from(ended);
    }
    let wanted = usize::try_from(page.limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let places = walk.take(&mut reader, wanted).await?;
    let places = places.into_iter().map(|(place, _)| place).collect();
    let part = Page::cut(places, page, |place| Cursor::Number(place.position));
    Ok(Some(History {
        messages: reader.fetch(&part.items).await?,
        epoch: Arc::from(channel.epoch),
        top: channel.last_offset,
        next_cursor: part.next_cursor,
    }))
}

/// A way along a channel's positions, between two of them that do not belong to it.
pub(super) struct Walk {
    channel: i64,
    /// No id below this one is readable here.
    first: i64,
    above: i64,
    below: i64,
    newest_first: bool,
}

impl Walk {
    /// Positions that are given out after `channel` was read are not on the way, so that what is found agrees with the
    /// row, whatever the store thinks of views.
    pub(super) fn new(
        reader: &mut Reader<'_>,
        picture: &Picture,
        channel: &channel::Model,
        window: Window,
    ) -> Self {
        // No class has anything older that could be read here: this skips at once what is expired and not yet removed.
        let first = picture
            .classes()
            .iter()
            .filter(|(_, class)| class.key.endpoint == channel.endpoint_id)
            .map(|(_, class)| picture.cut(&class.key, reader.now).of_channel(&channel.name))
            .min()
            .unwrap_or(i64::MAX);
        reader.knows_channel(channel);
        let end = channel.last_offset.saturating_add(1);
        Self {
            channel: channel.id,
            first,
            above: window.after.unwrap_or(0),
            below: window.before.unwrap_or(end).min(end),
            newest_first: window.newest_first,
        }
    }

    /// Goes on behind this position.
    fn go_on_from(&mut self, position: i64) {
        if self.newest_first {
            self.below = self.below.min(position);
        } else {
            self.above = self.above.max(position);
        }
    }

    /// At least so many readable places, if there are that many, and the size of each message.
    pub(super) async fn take(&mut self, reader: &mut Reader<'_>, wanted: usize) -> Result<Vec<(Place, i32)>> {
        let step = wanted.clamp(256, 4096);
        let mut found = Vec::with_capacity(wanted.min(step));
        while found.len() < wanted && self.above < self.below {
            let order = if self.newest_first {
                sea_orm::Order::Desc
            } else {
                sea_orm::Order::Asc
            };
            let rows: Vec<(i64, i64, i64, i64, i32)> = reader
                .tx
                .find::<message::Entity>()
                .select_only()
                .columns(Place::columns())
                .column(Column::Size)
                .filter(Column::ChannelId.eq(self.channel))
                .filter(Column::Position.gt(self.above))
                .filter(Column::Position.lt(self.below))
                .filter(Column::Id.gte(self.first))
                .order_by(Column::Position, order)
                .limit(u64::try_from(step).unwrap_or(u64::MAX))
                .into_tuple()
                .all(reader.tx.conn())
                .await?;
            let full = rows.len() == step;
            if let Some((_, _, _, last, _)) = rows.last() {
                self.go_on_from(*last);
            }
            for (class, id, channel, position, size) in rows {
                if reader.is_readable(class, id, channel) {
                    found.push((Place::from((class, id, channel, position)), size));
                }
            }
            if !full {
                break;
            }
        }
        Ok(found)
    }
}
