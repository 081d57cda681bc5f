//! What a tenant uses, beside what it may use.

use chrono::{Days, NaiveDate};
use entity::{connection, endpoint, message, retention_class, usage_day};
use sea_orm::{
    ColumnTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func},
};
use tokio::time::Instant;

use crate::{
    ctx::Ctx,
    error::Result,
    quotas::Quotas,
    tenancy::{TenantScope, TenantTx},
};

/// How many days are told.
const DAYS: u64 = 30;

/// What a tenant uses.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The first day told (UTC).
    pub from: NaiveDate,
    /// The last day told: today (UTC).
    pub to: NaiveDate,
    /// The ceilings.
    pub quotas: Quotas,
    /// Endpoints.
    pub endpoints: i64,
    /// Open connections.
    pub connections: i64,
    /// Messages that passed today (UTC).
    pub messages_today: i64,
    /// What is in the journal.
    pub stored: Stored,
    /// The days on which something passed, newest first.
    pub days: Vec<usage_day::Model>,
}

/// What is in a tenant's journal. Up to ten seconds old, or more when there is very much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Messages.
    pub messages: i64,
    /// Bytes of their payloads.
    pub bytes: i64,
}

/// What the tenant uses now.
pub async fn usage(ctx: &Ctx, scope: &TenantScope) -> Result<Usage> {
    // First: it may wait for its turn, and must not hold a view of the store meanwhile.
    let stored = stored(ctx, scope).await?;
    let tx = ctx.store.read(scope).await?;
    let to = ctx.now().date_naive();
    let from = to.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(to);
    let days = tx
        .find::<usage_day::Entity>()
        .filter(usage_day::Column::Day.between(from, to))
        .order_by_desc(usage_day::Column::Day)
        .all(tx.conn())
        .await?;
    Ok(Usage {
        from,
        to,
        quotas: Quotas::of(&super::read(&tx).await?)?,
        endpoints: count(tx.find::<endpoint::Entity>().count(tx.conn()).await?),
        connections: count(
            tx.find::<connection::Entity>()
                .filter(connection::Column::ClosedAt.is_null())
                .count(tx.conn())
                .await?,
        ),
        messages_today: days
            .iter()
            .find(|day| day.day == to)
            .map_or(0, |day| day.messages),
        stored,
        days,
    })
}

/// What is in the tenant's journal.
pub async fn stored(ctx: &Ctx, scope: &TenantScope) -> Result<Stored> {
    let tenant = scope.tenant();
    if let Some(stored) = ctx.tenants.stored(tenant) {
        return Ok(stored);
    }
    let _turn = ctx.tenants.counting.lock().await;
    if let Some(stored) = ctx.tenants.stored(tenant) {
        return Ok(stored);
    }
    let started = Instant::now();
    let stored = count_stored(&ctx.store.read(scope).await?).await?;
    ctx.tenants.put_stored(tenant, stored, started.elapsed());
    Ok(stored)
}

#[derive(FromQueryResult)]
struct Sum {
    messages: i64,
    bytes: Option<i64>,
}

pub(super) async fn count_stored(tx: &TenantTx) -> Result<Stored> {
    let classes: Vec<i64> = tx
        .find::<retention_class::Entity>()
        .select_only()
        .column(retention_class::Column::Id)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let mut stored = Stored::default();
    for some in classes.chunks(500) {
        let sum = tx
            .find::<message::Entity>()
            .filter(message::Column::ClassId.is_in(some.iter().copied()))
            .select_only()
            .column_as(message::Column::Id.count(), "messages")
            .column_as(
                // Postgres sums 32 bits to a NUMERIC otherwise.
                Expr::expr(Func::sum(Expr::col(message::Column::Size))).cast_as("bigint"),
                "bytes",
            )
            .into_model::<Sum>()
            .one(tx.conn())
            .await?;
        if let Some(sum) = sum {
            stored.messages += sum.messages;
            stored.bytes += sum.bytes.unwrap_or_default();
        }
    }
    Ok(stored)
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
