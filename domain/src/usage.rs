//! What a tenant uses, counted as it happens and written down once a second: a crash forgets the last second of
//! counting, never a message.

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use chrono::{Datelike, NaiveDate};
use entity::{id::TenantId, usage_day};
use sea_orm::{
    ColumnTrait, ConnectionTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use uuid::Uuid;

use crate::{ctx::Ctx, error::Result, quotas::Quotas, tenancy::TenantTx};

/// What passed and is not yet written down, and what is known to be written down for today.
#[derive(Debug, Default)]
pub struct Counters {
    messages: AtomicI64,
    bytes: AtomicI64,
    connections: AtomicI64,
    /// Connections that are open on this node.
    open: AtomicI64,
    /// Days since year 0 that `written` is about.
    day: AtomicI32,
    /// Messages of that day in the store, by all nodes, when it was last looked.
    written: AtomicI64,
}

impl Counters {
    /// A message passed.
    pub fn message(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes
            .fetch_add(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// A connection opened.
    pub(crate) fn opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection closed.
    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections that are open on this node.
    pub fn open(&self) -> i64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether today's messages are used up. Nodes hear of each other's once a second.
    pub fn messages_used_up(&self, quotas: &Quotas) -> bool {
        self.written.load(Ordering::Relaxed) + self.messages.load(Ordering::Relaxed)
            >= quotas.messages_per_day
    }

    pub(crate) fn begin(&self, (day, messages): (NaiveDate, i64)) {
        self.day.store(day.num_days_from_ce(), Ordering::Relaxed);
        self.written.store(messages, Ordering::Relaxed);
    }

    fn take(&self) -> [i64; 3] {
        [&self.messages, &self.bytes, &self.connections].map(|counter| counter.swap(0, Ordering::Relaxed))
    }

    fn give_back(&self, counted: [i64; 3]) {
        for (counter, count) in [&self.messages, &self.bytes, &self.connections]
            .into_iter()
            .zip(counted)
        {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// Today (UTC), and how many messages of today are written down.
pub(crate) async fn today(tx: &TenantTx, ctx: &Ctx) -> Result<(NaiveDate, i64)> {
    let today = ctx.now().date_naive();
    let row = tx
        .find::<usage_day::Entity>()
        .filter(usage_day::Column::Day.eq(today))
        .one(tx.conn())
        .await?;
    Ok((today, row.map_or(0, |row| row.messages)))
}

/// Writes down what was counted since the last time. The recorder of connections calls this every second.
///
/// # Errors
/// What the store said; nothing that was counted is lost then.
pub async fn flush(ctx: &Ctx) -> Result<()> {
    let today = ctx.now().date_naive();
    let mut counted = Vec::new();
    for slot in ctx.pictures.slots() {
        let counters = &slot.counters;
        if counters.day.swap(today.num_days_from_ce(), Ordering::Relaxed) != today.num_days_from_ce() {
            counters.written.store(0, Ordering::Relaxed);
        }
        let counts = counters.take();
        if counts != [0; 3] {
            counted.push((slot, counts));
        }
    }
    for some in counted.chunks(500) {
        let rows: Vec<_> = some
            .iter()
            .map(|(slot, counts)| (slot.tenant(), *counts))
            .collect();
        match write(ctx, today, &rows).await {
            Ok(totals) => {
                for (tenant, messages) in totals {
                    if let Some(slot) = ctx.pictures.slot(tenant) {
                        slot.counters.written.store(messages, Ordering::Relaxed);
                    }
                }
            }
            Err(error) => {
                for (slot, counts) in some {
                    slot.counters.give_back(*counts);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn write(ctx: &Ctx, day: NaiveDate, rows: &[(TenantId, [i64; 3])]) -> Result<Vec<(TenantId, i64)>> {
    use usage_day::Column;
    let counters = [Column::Messages, Column::Bytes, Column::Connections];
    let sum = |column: Column| Expr::col((usage_day::Entity, column)).add(Expr::col(("excluded", column)));
    let mut insert = Query::insert();
    insert
        .into_table(usage_day::Entity)
        .columns([Column::TenantId, Column::Day].into_iter().chain(counters))
        .on_conflict(
            OnConflict::columns([Column::TenantId, Column::Day])
                .values(counters.map(|column| (column, sum(column))))
                .to_owned(),
        )
        .returning(Query::returning().columns([Column::TenantId, Column::Messages]));
    for (tenant, [messages, bytes, connections]) in rows {
        insert.values_panic([
            (*tenant).into(),
            day.into(),
            (*messages).into(),
            (*bytes).into(),
            (*connections).into(),
        ]);
    }
    let tx = ctx.store.system("what all tenants used is counted").await?;
    let mut totals = Vec::with_capacity(rows.len());
    for row in tx.conn().query_all(&insert).await? {
        totals.push((
            TenantId(row.try_get_by_index::<Uuid>(0)?),
            row.try_get_by_index(1)?,
        ));
    }
    tx.save().await?;
    Ok(totals)
}
