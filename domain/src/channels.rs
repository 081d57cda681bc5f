//! Channels of an endpoint on which something was recorded. Channels that are only spoken on are known to the broker alone.

use entity::{channel, id::EndpointId};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    error::Result,
    page::{Cursor, Page, PageIn},
    tenancy::TenantTx,
};

/// Lists an endpoint's channels, newest first.
pub async fn list(tx: &TenantTx, endpoint: EndpointId, page: &PageIn) -> Result<Page<channel::Model>> {
    // An endpoint of somebody else's is not found, rather than empty.
    crate::endpoints::read(tx, endpoint).await?;
    let mut rows = tx
        .find::<channel::Entity>()
        .filter(channel::Column::EndpointId.eq(endpoint))
        .order_by_desc(channel::Column::Id)
        .limit(page.limit + 1);
    if let Some(after) = page.after_number()? {
        rows = rows.filter(channel::Column::Id.lt(after));
    }
    let rows = rows.all(tx.conn()).await?;
    Ok(Page::cut(rows, page, |channel| Cursor::Number(channel.id)))
}

/// One channel, if anything was ever recorded on it.
pub async fn find(tx: &TenantTx, endpoint: EndpointId, name: &str) -> Result<Option<channel::Model>> {
    Ok(tx
        .find::<channel::Entity>()
        .filter(channel::Column::EndpointId.eq(endpoint))
        .filter(channel::Column::Name.eq(name))
        .one(tx.conn())
        .await?)
}
