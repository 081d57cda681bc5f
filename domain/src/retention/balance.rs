//! The balance of each class: what came in is live, deleted, anonymised or held. What came in and went out is counted as
//! it happens; what is live and what is held is counted in the tables, now. A row that was planted, or one that is
//! missing, makes the two disagree.

use chrono::TimeDelta;
use entity::{
    balance,
    id::{BalanceId, EndpointId, TenantId},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set, Statement,
};
use serde_json::json;

use super::sweep;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::Result,
    officers::{self, OFFICERS},
    page::{self, Page, PageIn},
    tenancy::{Actor, Engine, TenantScope, TenantTx},
};

/// All in one statement, so that it is of one moment on every engine.
const SQL: &str = "SELECT c.id AS class_id, c.endpoint_id AS endpoint_id, \
     CAST(COALESCE((SELECT SUM(k.ingested) FROM class_count k WHERE k.class_id = c.id), 0) AS BIGINT) AS ingested, \
     CAST(COALESCE((SELECT SUM(k.deleted) FROM class_count k WHERE k.class_id = c.id), 0) AS BIGINT) AS deleted, \
     CAST(COALESCE((SELECT SUM(k.anonymised) FROM class_count k WHERE k.class_id = c.id), 0) AS BIGINT) AS anonymised, \
     CAST((SELECT COUNT(*) FROM message m WHERE m.class_id = c.id) AS BIGINT) AS live, \
     CAST((SELECT COUNT(DISTINCT h.message_id) FROM held_message h WHERE h.class_id = c.id AND NOT EXISTS \
     (SELECT 1 FROM message m WHERE m.class_id = h.class_id AND m.id = h.message_id)) AS BIGINT) AS held \
     FROM retention_class c WHERE c.tenant_id = ? ORDER BY c.id";

/// Balances are listed for so long; their leaves stay in the log.
const KEPT: TimeDelta = TimeDelta::days(400);

#[derive(Clone, Debug, FromQueryResult)]
struct Counted {
    class_id: i64,
    endpoint_id: EndpointId,
    ingested: i64,
    deleted: i64,
    anonymised: i64,
    live: i64,
    held: i64,
}

impl Counted {
    fn difference(&self) -> i64 {
        self.ingested - self.live - self.deleted - self.anonymised - self.held
    }

    fn is_like(&self, row: &balance::Model) -> bool {
        (row.ingested, row.live, row.deleted, row.anonymised, row.held)
            == (self.ingested, self.live, self.deleted, self.anonymised, self.held)
    }
}

/// Where nothing changes, a balance is drawn once in so long all the same: silence proves nothing.
const AT_LEAST_EVERY: TimeDelta = TimeDelta::hours(23);

/// Draws the balance of every class in which something changed since its last one; each is a leaf of the log. Where one
/// does not add up and did the last time, or is off by something else, those who answer for the data hear of it.
/// Answers what was written.
pub async fn balance(ctx: &Ctx, scope: &TenantScope) -> Result<Vec<balance::Model>> {
    let sql = match ctx.store.engine() {
        Engine::Sqlite => SQL.to_owned(),
        Engine::Postgres => SQL.replace('?', "$1"),
    };
    // Counting may take a while, and does so beside the writers.
    let counted = {
        let view = ctx.store.read(scope).await?;
        let statement =
            Statement::from_sql_and_values(view.conn().get_database_backend(), sql, [scope.tenant().into()]);
        Counted::find_by_statement(statement).all(view.conn()).await?
    };
    let mut written = Vec::new();
    let tx = ctx.store.begin(scope).await?;
    for class in counted {
        let last = last(&tx, class.class_id).await?;
        let is_fresh = |last: &balance::Model| last.at > ctx.now() - AT_LEAST_EVERY;
        if last
            .as_ref()
            .is_some_and(|last| class.is_like(last) && is_fresh(last))
        {
            continue;
        }
        let difference = class.difference();
        let facts = json!({
            "endpoint": class.endpoint_id,
            "ingested": class.ingested,
            "live": class.live,
            "deleted": class.deleted,
            "anonymised": class.anonymised,
            "held": class.held,
            "difference": difference,
        });
        let kind = if difference == 0 {
            "retention.balanced"
        } else {
            "retention.unbalanced"
        };
        let event = Event::new(kind)
            .target("retention_class", class.class_id)
            .facts(facts);
        let index = audit::record(&tx, ctx, event).await?;
        let id: BalanceId = ctx.ids.next();
        let row = tx
            .insert(balance::ActiveModel {
                id: Set(id),
                class_id: Set(class.class_id),
                at: Set(ctx.now()),
                ingested: Set(class.ingested),
                live: Set(class.live),
                deleted: Set(class.deleted),
                anonymised: Set(class.anonymised),
                held: Set(class.held),
                difference: Set(difference),
                log_index: Set(index),
                ..Default::default()
            })
            .await?;
        if difference != 0 && last.is_none_or(|last| last.difference != difference) {
            let values = json!({
                "alarm": "unbalanced", "class": class.class_id.to_string(), "difference": difference,
            });
            officers::tell(&tx, ctx, OFFICERS, "retention_alarm", values).await?;
        }
        written.push(row);
    }
    let old = ctx.now() - KEPT;
    let forgotten = tx
        .delete_many::<balance::Entity>()
        .filter(balance::Column::At.lt(old))
        .exec(tx.conn())
        .await?;
    if !written.is_empty() || forgotten.rows_affected > 0 {
        tx.save().await?;
    }
    Ok(written)
}

/// Draws the balances of all tenants. To be called every hour. Answers how many were written.
pub async fn balance_all(ctx: &Ctx) -> Result<u64> {
    let mut written = 0;
    for tenant in sweep::tenants(ctx).await? {
        written += written_for(ctx, tenant).await?;
    }
    Ok(written)
}

async fn written_for(ctx: &Ctx, tenant: TenantId) -> Result<u64> {
    let written = balance(ctx, &TenantScope::new(tenant, Actor::System)).await?;
    Ok(u64::try_from(written.len()).unwrap_or(u64::MAX))
}

/// The newest balance of a class, if one was drawn.
pub(super) async fn last(tx: &TenantTx, class: i64) -> Result<Option<balance::Model>> {
    Ok(tx
        .find::<balance::Entity>()
        .filter(balance::Column::ClassId.eq(class))
        .order_by_desc(balance::Column::Id)
        .limit(1)
        .one(tx.conn())
        .await?)
}

/// What balances to look for.
#[derive(Clone, Copy, Debug, Default)]
pub struct BalanceFilter {
    /// Of this class.
    pub class: Option<i64>,
    /// Only those that do not add up; or only those that do.
    pub failing: Option<bool>,
}

/// Reads one balance.
pub async fn find_balance(tx: &TenantTx, id: BalanceId) -> Result<balance::Model> {
    tx.get::<balance::Entity, _>(id, "balance").await
}

/// Lists balances, newest first.
pub async fn balances(tx: &TenantTx, filter: BalanceFilter, page: &PageIn) -> Result<Page<balance::Model>> {
    use balance::Column;
    let mut rows = tx.find::<balance::Entity>();
    if let Some(class) = filter.class {
        rows = rows.filter(Column::ClassId.eq(class));
    }
    if let Some(failing) = filter.failing {
        rows = rows.filter(if failing {
            Column::Difference.ne(0)
        } else {
            Column::Difference.eq(0)
        });
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}
