//! Reports by the calendar.

use chrono::{DateTime, TimeDelta, Utc};
use entity::report_schedule;
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict};
use serde_json::json;

use super::{NewReport, create};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    duration::Kept,
    error::{Error, Faults, Result},
    tenancy::{Actor, TenantScope, TenantTx, expect_version},
};

/// More often says nothing new.
const SHORTEST: TimeDelta = TimeDelta::days(1);
/// When to try again.
const AGAIN: TimeDelta = TimeDelta::hours(1);
/// Reports in one run.
const BATCH: u64 = 100;

/// How often the tenant wants a report; none: only on demand.
pub async fn read_schedule(tx: &TenantTx) -> Result<Option<report_schedule::Model>> {
    Ok(tx.find::<report_schedule::Entity>().one(tx.conn()).await?)
}

/// Says how often the tenant wants a report.
pub async fn set_schedule(
    tx: &TenantTx,
    ctx: &Ctx,
    expected: Option<i32>,
    every: &str,
    enabled: bool,
) -> Result<report_schedule::Model> {
    use report_schedule::Column;
    let current = read_schedule(tx).await?.map_or(0, |schedule| schedule.version);
    expect_version(current, expected)?;
    let mut faults = Faults::default();
    let kept = match every.parse::<Kept>() {
        Ok(kept) => {
            faults.check(
                kept.approximate() >= SHORTEST,
                "/every",
                "too_short",
                "use at least P1D",
            );
            Some(kept)
        }
        Err(error) => {
            faults.add("/every", error.code(), error.to_string());
            None
        }
    };
    faults.finish()?;
    let next_at = kept.map_or_else(|| ctx.now(), |kept| kept.until(ctx.now()));
    let row = report_schedule::ActiveModel {
        every: Set(every.to_owned()),
        enabled: Set(enabled),
        next_at: Set(next_at),
        version: Set(current + 1),
        ..Default::default()
    };
    let clash = OnConflict::column(Column::TenantId)
        .update_columns([Column::Every, Column::Enabled, Column::NextAt, Column::Version])
        .to_owned();
    tx.upsert(row, clash).await?;
    let event = Event::new("report_schedule.updated").facts(json!({ "every": every, "enabled": enabled }));
    audit::record(tx, ctx, event).await?;
    read_schedule(tx)
        .await?
        .ok_or(Error::NotFound { what: "schedule" })
}

/// Makes the reports that are due, over all tenants. Answers how many.
pub async fn run_due(ctx: &Ctx) -> Result<u64> {
    use report_schedule::Column;
    let now = ctx.now();
    let due = {
        let view = ctx.store.system_read("reports of all tenants are due").await?;
        view.find::<report_schedule::Entity>()
            .filter(Column::Enabled.eq(true))
            .filter(Column::NextAt.lte(now))
            .limit(BATCH)
            .all(view.conn())
            .await?
    };
    let mut made = 0;
    for schedule in due {
        let scope = TenantScope::new(schedule.tenant_id, Actor::System);
        if claim(ctx, &scope, &schedule, now).await? {
            // One tenant must not keep the others from theirs.
            match create(ctx, &scope, NewReport::default()).await {
                Ok(_) => made += 1,
                Err(error) => {
                    tracing::error!(tenant.id = %schedule.tenant_id, error = ?error, "a report could not be made");
                    put_off(ctx, &scope, now + AGAIN).await?;
                }
            }
        }
    }
    Ok(made)
}

/// Puts the next one off; of two processes that look at once, one gets it.
async fn claim(
    ctx: &Ctx,
    scope: &TenantScope,
    schedule: &report_schedule::Model,
    now: DateTime<Utc>,
) -> Result<bool> {
    use report_schedule::Column;
    let every: Kept = schedule.every.parse().map_err(Error::internal)?;
    let tx = ctx.store.begin(scope).await?;
    let claimed = tx
        .update_many::<report_schedule::Entity>()
        .set(report_schedule::ActiveModel {
            next_at: Set(every.until(now)),
            ..Default::default()
        })
        .filter(Column::NextAt.eq(schedule.next_at))
        .exec(tx.conn())
        .await?
        .rows_affected;
    tx.save().await?;
    Ok(claimed == 1)
}

async fn put_off(ctx: &Ctx, scope: &TenantScope, to: DateTime<Utc>) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    tx.update_many::<report_schedule::Entity>()
        .set(report_schedule::ActiveModel {
            next_at: Set(to),
            ..Default::default()
        })
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sea_orm::{PaginatorTrait, QueryOrder};

    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn reports_come_when_they_are_due_each_about_the_time_since_the_last() {
        let world = World::new().await;
        let (ctx, scope) = (&world.ctx, &world.scope);
        let tx = ctx.store.begin(scope).await.unwrap();
        let schedule = set_schedule(&tx, ctx, None, "P1M", true).await.unwrap();
        tx.save().await.unwrap();
        assert_eq!(
            schedule.next_at.to_rfc3339(),
            "2027-02-15T08:00:00+00:00",
            "a calendar month"
        );
        assert_eq!(run_due(ctx).await.unwrap(), 0, "not before its time");
        world.clock.advance(TimeDelta::days(31));
        assert_eq!(run_due(ctx).await.unwrap(), 1);
        assert_eq!(run_due(ctx).await.unwrap(), 0, "once");
        world.clock.advance(TimeDelta::days(28));
        assert_eq!(run_due(ctx).await.unwrap(), 1);
        let tx = ctx.store.begin(scope).await.unwrap();
        let reports = tx
            .find::<entity::report::Entity>()
            .order_by_asc(entity::report::Column::Id)
            .all(tx.conn())
            .await
            .unwrap();
        assert_eq!(reports.len(), 2);
        assert_eq!(
            reports[1].previous_id,
            Some(reports[0].id),
            "compared with the last"
        );
        assert_eq!(reports[1].from_at, reports[0].to_at, "and no moment is left out");
        set_schedule(&tx, ctx, None, "PT1H", true).await.unwrap_err();
        set_schedule(&tx, ctx, Some(schedule.version), "P1M", false)
            .await
            .unwrap();
        tx.save().await.unwrap();
        world.clock.advance(TimeDelta::days(90));
        assert_eq!(run_due(ctx).await.unwrap(), 0, "off is off");
        let tx = ctx.store.read(scope).await.unwrap();
        let count = tx
            .find::<entity::report::Entity>()
            .count(tx.conn())
            .await
            .unwrap();
        assert_eq!(count, 2);
    }
}
