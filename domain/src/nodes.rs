//! The processes that hold sockets. Each says again and again that it is there; when one falls silent, another ends for
//! it what it had open, so that whoever was told of a beginning is told of the end.

use std::time::Duration;

use chrono::TimeDelta;
use entity::{
    connection,
    node::{self, Column},
    webhook_occupancy,
};
use sea_orm::{
    ColumnTrait, QueryFilter, QuerySelect, Set,
    sea_query::{Expr, OnConflict},
};

use crate::{connections, ctx::Ctx, error::Result, webhooks::recover};

/// How often a process says that it is there.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Silence after which it counts as dead.
pub const LOST_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Says that a process begins. To be called before it holds the first socket.
pub async fn begin(ctx: &Ctx, name: &str) -> Result<()> {
    let now = ctx.now();
    let row = node::ActiveModel {
        name: Set(name.to_owned()),
        started_at: Set(now),
        seen_at: Set(now),
    };
    let tx = ctx.store.system("a node says that it is there").await?;
    let clash = OnConflict::column(Column::Name)
        .update_columns([Column::StartedAt, Column::SeenAt])
        .to_owned();
    tx.insert_if_absent(row, clash).await?;
    tx.save().await?;
    Ok(())
}

/// Says that a process is still there. Answers false when it was taken for dead meanwhile: all that it has open was ended
/// in its name, so it must close it. It counts as there again from now on.
pub async fn beat(ctx: &Ctx, name: &str) -> Result<bool> {
    let tx = ctx.store.system("a node says that it is there").await?;
    let there = tx
        .update_many::<node::Entity>()
        .col_expr(Column::SeenAt, Expr::value(ctx.now()))
        .filter(Column::Name.eq(name))
        .exec(tx.conn())
        .await?
        .rows_affected;
    tx.save().await?;
    if there == 0 {
        begin(ctx, name).await?;
    }
    Ok(there > 0)
}

/// The processes that count as there, by name.
pub async fn living(ctx: &Ctx) -> Result<Vec<String>> {
    let tx = ctx.store.system_read("which nodes there are").await?;
    let names = tx
        .find::<node::Entity>()
        .select_only()
        .column(Column::Name)
        .filter(Column::SeenAt.gte(ctx.now() - LOST_AFTER))
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(names)
}

/// Ends what nodes had open that fell silent. To be called every few seconds, by any number of processes. Answers how
/// much was ended.
///
/// # Errors
/// What the store or the vault said. What was ended until then stays ended; the rest follows later.
pub async fn bury(ctx: &Ctx) -> Result<u64> {
    let now = ctx.now();
    let tx = ctx.store.system_read("it is looked for dead nodes").await?;
    let silent = tx
        .find::<node::Entity>()
        .filter(Column::SeenAt.lt(now - LOST_AFTER))
        .all(tx.conn())
        .await?;
    drop(tx);
    let mut ended = 0;
    for lost in silent {
        // One undertaker at a time: who has moved the date has the node, until the date is old again.
        let tx = ctx.store.system("a dead node is taken over").await?;
        let mine = tx
            .update_many::<node::Entity>()
            .col_expr(Column::SeenAt, Expr::value(now))
            .filter(Column::Name.eq(lost.name.as_str()))
            .filter(Column::SeenAt.eq(lost.seen_at))
            .exec(tx.conn())
            .await?
            .rows_affected;
        tx.save().await?;
        if mine == 0 {
            continue;
        }
        tracing::warn!(node = lost.name, "a node fell silent; what it had open is ended");
        ended += connections::close_left_open(ctx, &lost.name, "node lost").await?;
        ended += recover::end_of_node(ctx, &lost.name).await?;
        let tx = ctx.store.system("a dead node is forgotten").await?;
        tx.delete_many::<node::Entity>()
            .filter(Column::Name.eq(lost.name.as_str()))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
    }
    Ok(ended)
}

/// Takes note of nodes that something is open of and that never said that they are there, or were forgotten: from now on
/// they have to. To be called every minute or so.
pub async fn adopt(ctx: &Ctx) -> Result<u64> {
    let tx = ctx
        .store
        .system_read("it is looked for what nodes of all tenants' sockets left behind")
        .await?;
    let known: Vec<String> = tx
        .find::<node::Entity>()
        .select_only()
        .column(Column::Name)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let mut named: Vec<String> = tx
        .find::<connection::Entity>()
        .select_only()
        .column(connection::Column::Node)
        .distinct()
        .filter(connection::Column::ClosedAt.is_null())
        .into_tuple()
        .all(tx.conn())
        .await?;
    let occupied: Vec<String> = tx
        .find::<webhook_occupancy::Entity>()
        .select_only()
        .column(webhook_occupancy::Column::Node)
        .distinct()
        .into_tuple()
        .all(tx.conn())
        .await?;
    drop(tx);
    named.extend(occupied);
    named.sort_unstable();
    named.dedup();
    named.retain(|name| !known.contains(name));
    let adopted = named.len() as u64;
    for name in named {
        let now = ctx.now();
        let row = node::ActiveModel {
            name: Set(name),
            started_at: Set(now),
            seen_at: Set(now),
        };
        let tx = ctx.store.system("a node that never said so is noted").await?;
        tx.insert_if_absent(row, OnConflict::new().do_nothing().to_owned())
            .await?;
        tx.save().await?;
    }
    Ok(adopted)
}
