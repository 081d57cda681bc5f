//! Deadlines that come near are told to those who can act, and so are those that have passed: never silently late.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    request::{self, RequestState},
    request_event,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{
    correspondence::tell_deciders,
    steps::{OPEN, note},
};
use crate::{
    Result,
    ctx::Ctx,
    tenancy::{Actor, TenantScope},
};

/// Days before the deadline on which a reminder goes out; the last that applies counts.
const DAYS: [i64; 3] = [7, 3, 1];

/// Requests looked at in one go.
const BATCH: u64 = 500;

/// Which reminder is due, as it is noted with the request: each goes out once.
fn reminder(due_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<(&'static str, i64, String)> {
    let left = due_at - now;
    if left < TimeDelta::zero() {
        // Every day anew.
        let days = -left.num_days();
        return Some(("overdue", days, format!("reminder: overdue, day {}", days + 1)));
    }
    let days = DAYS.into_iter().rfind(|days| left <= TimeDelta::days(*days))?;
    Some(("due", days, format!("reminder: due within {days} days")))
}

/// Reminds the owners and privacy officers of all tenants of requests that are due within a week or overdue.
/// Answers how many requests.
pub async fn remind(ctx: &Ctx) -> Result<u64> {
    let now = ctx.now();
    let view = ctx
        .store
        .system_read("the worker looks for requests of all tenants that are due")
        .await?;
    let due = view
        .find::<request::Entity>()
        .filter(request::Column::State.is_in(OPEN))
        .filter(request::Column::DueAt.lt(now + TimeDelta::days(DAYS[0])))
        .order_by_asc(request::Column::DueAt)
        .limit(BATCH)
        .all(view.conn())
        .await?;
    drop(view);
    let mut reminded = 0;
    for request in due {
        let Some((stage, days, text)) = reminder(request.due_at, now) else {
            continue;
        };
        let tx = ctx
            .store
            .begin(&TenantScope::new(request.tenant_id, Actor::System))
            .await?;
        let said = tx
            .find::<request_event::Entity>()
            .filter(request_event::Column::RequestId.eq(request.id))
            .filter(request_event::Column::Note.eq(text.clone()))
            .one(tx.conn())
            .await?;
        if said.is_some() {
            continue;
        }
        let waits = request.state == RequestState::Approval;
        tell_deciders(
            &tx,
            ctx,
            &request,
            json!({ "stage": stage, "days": days.abs(), "waits_for_decision": waits }),
        )
        .await?;
        note(&tx, ctx, &request, request.state, Some(text)).await?;
        tx.save().await?;
        reminded += 1;
    }
    Ok(reminded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_become_denser_and_never_stop() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let at = |left: TimeDelta| reminder(now + left, now).map(|(_, _, text)| text);
        assert_eq!(at(TimeDelta::days(8)), None);
        assert_eq!(at(TimeDelta::days(7)).unwrap(), "reminder: due within 7 days");
        assert_eq!(at(TimeDelta::days(4)).unwrap(), "reminder: due within 7 days");
        assert_eq!(at(TimeDelta::hours(71)).unwrap(), "reminder: due within 3 days");
        assert_eq!(at(TimeDelta::seconds(1)).unwrap(), "reminder: due within 1 days");
        assert_eq!(at(TimeDelta::hours(-1)).unwrap(), "reminder: overdue, day 1");
        assert_eq!(at(TimeDelta::hours(-25)).unwrap(), "reminder: overdue, day 2");
    }
}
