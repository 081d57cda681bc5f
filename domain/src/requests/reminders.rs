//! Deadlines that come near are told to those who can act, and so are those that have passed, and clocks that stand still
//! for long: never silently late. When, and to how many, says the request's profile.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::RequestId,
    member::Role,
    request::{self, RequestState},
    request_event::{self, RequestStep},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{
    clock::profile,
    correspondence::tell_deciders,
    steps::{OPEN, Said, note},
};
use crate::{
    Result,
    ctx::Ctx,
    deadlines::{self, Profile},
    tenancy::{Actor, TenantScope},
};

/// Requests looked at in one go.
const BATCH: u64 = 500;
/// Days before the end of the time to confirm receipt on which that is asked for.
const ACKNOWLEDGE_DAYS: i64 = 3;
/// Days after which a clock that stands still is spoken of, again and again.
const PAUSED_DAYS: i64 = 14;

/// Who handles requests.
const DECIDERS: &[Role] = &[Role::Owner, Role::Dpo];
/// Who hears of it when time runs out.
const EVERYBODY: &[Role] = &[Role::Owner, Role::Admin, Role::Dpo];

/// What is to be said about a request.
#[derive(Debug, PartialEq, Eq)]
struct Reminder {
    stage: &'static str,
    days: i64,
    to: &'static [Role],
    /// How it is noted with the request: each goes out once.
    note: String,
}

/// Which reminder is due.
fn reminder(request: &request::Model, profile: &Profile, now: DateTime<Utc>) -> Option<Reminder> {
    if let Some(since) = request.paused_at {
        let days = (now - since).num_days();
        let round = days / PAUSED_DAYS;
        return (round > 0).then(|| Reminder {
            stage: "paused",
            days,
            to: DECIDERS,
            note: format!(
                "reminder: the clock stands still for {} days",
                round * PAUSED_DAYS
            ),
        });
    }
    if let Some(by) = request
        .acknowledge_by
        .filter(|_| request.acknowledged_at.is_none())
        && by - now <= TimeDelta::days(ACKNOWLEDGE_DAYS)
    {
        let late = by < now;
        return Some(Reminder {
            stage: "acknowledge",
            days: (by - now).num_days(),
            to: if late { EVERYBODY } else { DECIDERS },
            note: format!("reminder: confirm receipt{}", if late { ", overdue" } else { "" }),
        });
    }
    let left = request.due_at - now;
    if left < TimeDelta::zero() {
        // Every day anew.
        let days = -left.num_days();
        return Some(Reminder {
            stage: "overdue",
            days,
            to: EVERYBODY,
            note: format!("reminder: overdue, day {}", days + 1),
        });
    }
    let days = profile
        .remind_days
        .iter()
        .copied()
        .rfind(|days| left <= TimeDelta::days(*days))?;
    Some(Reminder {
        stage: "due",
        days,
        to: if days <= profile.escalate_days {
            EVERYBODY
        } else {
            DECIDERS
        },
        note: format!(
            "reminder: due within {days} days of {}",
            request.due_at.format("%Y-%m-%d")
        ),
    })
}

/// Reminds those who handle the requests of all tenants of what is due soon or overdue. Answers how many requests.
pub async fn remind(ctx: &Ctx) -> Result<u64> {
    let now = ctx.now();
    let soonest = deadlines::profiles()
        .iter()
        .filter_map(|profile| profile.remind_days.first().copied())
        .max()
        .unwrap_or_default();
    let mut after: Option<RequestId> = None;
    let mut reminded = 0;
    loop {
        use request::Column;
        let view = ctx
            .store
            .system_read("the worker looks for requests of all tenants that are due")
            .await?;
        let due = Condition::any()
            .add(Column::DueAt.lt(now + TimeDelta::days(soonest)))
            .add(Column::PausedAt.is_not_null())
            .add(
                Condition::all()
                    .add(Column::AcknowledgedAt.is_null())
                    .add(Column::AcknowledgeBy.is_not_null()),
            );
        let mut rows = view
            .find::<request::Entity>()
            .filter(Column::State.is_in(OPEN))
            .filter(due)
            .order_by_asc(Column::Id)
            .limit(BATCH);
        if let Some(after) = after {
            rows = rows.filter(Column::Id.gt(after));
        }
        let rows = rows.all(view.conn()).await?;
        drop(view);
        let Some(last) = rows.last().map(|row| row.id) else {
            return Ok(reminded);
        };
        after = Some(last);
        for request in rows {
            if let Some(reminder) = reminder(&request, profile(&request), now) {
                reminded += u64::from(say(ctx, &request, reminder).await?);
            }
        }
    }
}

/// Says it, unless it was said. Answers whether it was said now.
async fn say(ctx: &Ctx, request: &request::Model, reminder: Reminder) -> Result<bool> {
    let tx = ctx
        .store
        .begin(&TenantScope::new(request.tenant_id, Actor::System))
        .await?;
    let said = tx
        .find::<request_event::Entity>()
        .filter(request_event::Column::RequestId.eq(request.id))
        .filter(request_event::Column::Note.eq(reminder.note.clone()))
        .one(tx.conn())
        .await?;
    if said.is_some() {
        return Ok(false);
    }
    let more = json!({
        "stage": reminder.stage,
        "days": reminder.days.abs(),
        "waits_for_decision": request.state == RequestState::Approval,
    });
    tell_deciders(&tx, ctx, request, reminder.to, more).await?;
    let said = Said::that(RequestStep::Reminder, reminder.note);
    note(&tx, ctx, request, request.state, said).await?;
    tx.save().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use entity::request::{RequestKind, RequestOrigin};
    use uuid::Uuid;

    use super::*;

    fn request(due_at: DateTime<Utc>) -> request::Model {
        request::Model {
            id: RequestId(Uuid::nil()),
            tenant_id: Uuid::nil().into(),
            kind: RequestKind::Access,
            state: RequestState::Verified,
            origin: RequestOrigin::Portal,
            subject_id: None,
            email_index: None,
            email_sealed: None,
            received_at: due_at - TimeDelta::days(30),
            due_at,
            verified_at: None,
            completed_at: None,
            refusal_code: None,
            refusal_text: None,
            result: None,
            export_id: None,
            audit_index: None,
            jurisdiction: "gdpr".to_owned(),
            acknowledge_by: None,
            acknowledged_at: None,
            extended_at: None,
            extension_reason: None,
            paused_at: None,
            pause_reason: None,
            paused_seconds: 0,
            details_sealed: None,
            repeats: None,
            approved_by: None,
            lift_at: None,
            lifted_at: None,
            progress: None,
            language: None,
            version: 1,
        }
    }

    #[test]
    fn reminders_become_denser_and_never_stop() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let gdpr = deadlines::profile("gdpr").unwrap();
        let at = |left: TimeDelta| {
            reminder(&request(now + left), gdpr, now).map(|it| (it.stage, it.days, it.to.len()))
        };
        assert_eq!(at(TimeDelta::days(8)), None);
        assert_eq!(at(TimeDelta::days(7)), Some(("due", 7, 2)));
        assert_eq!(at(TimeDelta::days(4)), Some(("due", 7, 2)));
        assert_eq!(at(TimeDelta::hours(71)), Some(("due", 3, 2)));
        // The last day is everybody's affair.
        assert_eq!(at(TimeDelta::seconds(1)), Some(("due", 1, 3)));
        assert_eq!(at(TimeDelta::hours(-1)), Some(("overdue", 0, 3)));
        assert_eq!(at(TimeDelta::hours(-25)), Some(("overdue", 1, 3)));
    }

    #[test]
    fn every_reminder_is_noted_differently_and_a_new_deadline_is_reminded_of_anew() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let gdpr = deadlines::profile("gdpr").unwrap();
        let note = |left: i64| {
            reminder(&request(now + TimeDelta::hours(left)), gdpr, now)
                .unwrap()
                .note
        };
        let notes: Vec<_> = [160, 70, 20, -1, -30, -60].map(note).into();
        for (at, one) in notes.iter().enumerate() {
            assert!(notes[at + 1..].iter().all(|other| other != one), "{one}");
        }
        let mut first = request(now + TimeDelta::days(2));
        let before = reminder(&first, gdpr, now).unwrap().note;
        first.due_at += TimeDelta::days(60);
        let after = reminder(&first, gdpr, now + TimeDelta::days(60)).unwrap().note;
        assert_ne!(before, after);
    }

    #[test]
    fn a_clock_that_stands_still_is_spoken_of_and_receipt_is_asked_for() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let gdpr = deadlines::profile("gdpr").unwrap();
        let mut paused = request(now - TimeDelta::days(3));
        for (days, expected) in [(3, None), (15, Some(("paused", 15))), (29, Some(("paused", 29)))] {
            paused.paused_at = Some(now - TimeDelta::days(days));
            let said = reminder(&paused, gdpr, now).map(|it| (it.stage, it.days));
            assert_eq!(said, expected, "{days}");
        }
        let mut quiet = request(now + TimeDelta::days(30));
        quiet.acknowledge_by = Some(now + TimeDelta::days(2));
        assert_eq!(reminder(&quiet, gdpr, now).unwrap().stage, "acknowledge");
        quiet.acknowledged_at = Some(now);
        assert_eq!(reminder(&quiet, gdpr, now), None);
    }
}
