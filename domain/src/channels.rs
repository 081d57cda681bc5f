//! Channels of an endpoint on which something was recorded or at least counted. Channels that are only spoken on are known
//! to the broker alone.

use std::collections::HashMap;

use entity::{channel, id::EndpointId};
use sea_orm::{
    ColumnTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{BinOper, Expr, ExprTrait},
};
use vault::chance::{self, Chance};

use crate::{
    error::Result,
    page::{Cursor, Page, PageIn},
    tenancy::{Store, TenantTx},
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

/// The names of channels.
pub(crate) async fn names(
    tx: &TenantTx,
    channels: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, String>> {
    let names: Vec<(i64, String)> = tx
        .find::<channel::Entity>()
        .select_only()
        .column(channel::Column::Id)
        .column(channel::Column::Name)
        .filter(channel::Column::Id.is_in(channels))
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(names.into_iter().collect())
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

/// Gives all channels a new epoch. For data that were put back from a backup: positions that were given out after it was
/// made are given out again, to other messages, and whoever saw the first ones must not believe that they missed nothing.
pub async fn renew_epochs(store: &Store, chance: &dyn Chance) -> Result<()> {
    let renewal = hex::encode(chance::bytes::<8>(chance));
    let tx = store.system("positions of all tenants begin a new life").await?;
    let epoch = Expr::val(format!("{renewal}.")).binary(
        BinOper::Custom("||"),
        Expr::col(channel::Column::Id).cast_as("text"),
    );
    tx.update_many::<channel::Entity>()
        .col_expr(channel::Column::Epoch, epoch)
        .exec(tx.conn())
        .await?;
    Ok(tx.save().await?)
}
