//! The processes that hold sockets. Each says again and again that it is there; when one falls silent, another ends for
//! it what it had open, so that whoever was told of a beginning is told of the end.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    connection,
    node::{self, Column},
    webhook_occupancy,
};
use parking_lot::Mutex;
use sea_orm::{
    ColumnTrait, QueryFilter, QuerySelect, Set,
    sea_query::{Expr, OnConflict},
};

use crate::{connections, ctx::Ctx, error::Result, webhooks::recover};

/// How often a process says that it is there.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Silence after which it counts as dead. Whoever was told of its sessions is told of their end within half a minute.
pub const LOST_AFTER: TimeDelta = TimeDelta::seconds(24);
/// How often a process with a worker looks for the dead.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long it may not have looked and still trusts what it sees.
const LOOKED_WITHIN: TimeDelta = TimeDelta::seconds(8);
/// How long it looks before it takes anybody for dead: all get the time to say that they are there.
const LOOKS_FOR: TimeDelta = TimeDelta::seconds(10);

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

/// A process's looks for the dead.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Option<Looked>>);

/// From when to when it looked, without a gap.
#[derive(Clone, Copy, Debug)]
struct Looked {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Watch {
    /// Ends what nodes had open that fell silent. To be called every [`LOOK_EVERY`], by any number of processes. Answers how
    /// much was ended.
    ///
    /// When nobody could reach the store, nobody could say that they are there. So whoever could not look for a while, or begins
    /// to, takes nobody for dead in the first seconds.
    ///
    /// # Errors
    /// What the store or the vault said. What was ended until then stays ended; the rest follows later.
    pub async fn look(&self, ctx: &Ctx) -> Result<u64> {
        let now = ctx.now();
        let silent = silent(ctx).await?;
        let before = self.0.lock().filter(|looked| now - looked.until <= LOOKED_WITHIN);
        let since = before.map_or(now, |looked| looked.since);
        let ended = if now - since < LOOKS_FOR {
            0
        } else {
            bury(ctx, silent).await?
        };
        let until = ctx.now();
        *self.0.lock() = Some(Looked { since, until });
        Ok(ended)
    }
}

/// Nodes that said nothing for too long.
async fn silent(ctx: &Ctx) -> Result<Vec<node::Model>> {
    let tx = ctx.store.system_read("it is looked for dead nodes").await?;
    let silent = tx
        .find::<node::Entity>()
        .filter(Column::SeenAt.lt(ctx.now() - LOST_AFTER))
        .all(tx.conn())
        .await?;
    Ok(silent)
}

async fn bury(ctx: &Ctx, silent: Vec<node::Model>) -> Result<u64> {
    let now = ctx.now();
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
