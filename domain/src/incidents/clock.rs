//! The clock: 72 hours from becoming aware (GDPR Art. 33(1)). Hours, not days: it knows neither weekends nor clocks that
//! are put forward or back.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::IncidentId,
    incident::{self, IncidentState, Risk},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::{Value, json};

use crate::{
    Result,
    audit::{self, Event},
    ctx::Ctx,
    officers::{self, OFFICERS},
    tenancy::{Actor, TenantScope},
};

/// How long the authority may be told without a reason for the delay.
pub const CLOCK: TimeDelta = TimeDelta::hours(72);
/// Hours after which those who can act are reminded. The last one says that it is late, and every day after says so again.
const REMINDERS: [i64; 4] = [24, 48, 66, 72];
/// Incidents looked at in one go.
const BATCH: u64 = 500;

/// Until when the authority has to be told.
pub fn due_at(incident: &incident::Model) -> DateTime<Utc> {
    incident.aware_at + CLOCK
}

/// Whether telling the authority at `at` needs a reason.
pub fn is_late(incident: &incident::Model, at: DateTime<Utc>) -> bool {
    at > due_at(incident)
}

/// Incidents whose clock runs: somebody has to be told, and was not.
pub(super) fn is_running() -> Condition {
    use incident::Column;
    Condition::all()
        .add(Column::NotifiedAt.is_null())
        .add(Column::State.ne(IncidentState::Closed))
        .add(Column::Risk.ne(Risk::Unlikely))
}

/// How many reminders are due.
fn due_reminders(aware_at: DateTime<Utc>, now: DateTime<Utc>) -> i32 {
    let hours = (now - aware_at).num_hours();
    let on_the_way = REMINDERS.iter().filter(|after| hours >= **after).count();
    let late_days = (hours - 72).max(0) / 24;
    i32::try_from(on_the_way).unwrap_or_default() + i32::try_from(late_days).unwrap_or_default()
}

/// Reminds the owners and privacy officers of all tenants of clocks that run. Answers how many.
pub async fn remind(ctx: &Ctx) -> Result<u64> {
    use incident::Column;
    let now = ctx.now();
    let mut after: Option<IncidentId> = None;
    let mut reminded = 0;
    loop {
        let view = ctx
            .store
            .system_read("clocks of incidents of all tenants run")
            .await?;
        let mut running = view
            .find::<incident::Entity>()
            .filter(is_running())
            .order_by_asc(Column::Id)
            .limit(BATCH);
        if let Some(after) = after {
            running = running.filter(Column::Id.gt(after));
        }
        let running = running.all(view.conn()).await?;
        drop(view);
        let Some(last) = running.last().map(|incident| incident.id) else {
            return Ok(reminded);
        };
        after = Some(last);
        for incident in running {
            reminded += u64::from(remind_of(ctx, &incident, now).await?);
        }
    }
}

/// Answers whether somebody was reminded.
async fn remind_of(ctx: &Ctx, incident: &incident::Model, now: DateTime<Utc>) -> Result<bool> {
    use incident::Column;
    let due = due_reminders(incident.aware_at, now);
    if due <= incident.reminded {
        return Ok(false);
    }
    let tx = ctx
        .store
        .begin(&TenantScope::new(incident.tenant_id, Actor::System))
        .await?;
    // Every process looks; of two that look at once, one gets it.
    let claimed = tx
        .update_many::<incident::Entity>()
        .set(incident::ActiveModel {
            reminded: Set(due),
            ..Default::default()
        })
        .filter(Column::Id.eq(incident.id))
        .filter(Column::Reminded.eq(incident.reminded))
        .exec(tx.conn())
        .await?
        .rows_affected;
    if claimed == 0 {
        return Ok(false);
    }
    let values = values(incident, now);
    officers::tell(&tx, ctx, OFFICERS, "incident_reminder", values).await?;
    let event = Event::new("incident.reminded")
        .target("incident", incident.id)
        .facts(json!({ "reminders": due, "late": is_late(incident, now) }));
    audit::record(&tx, ctx, event).await?;
    tx.save().await?;
    Ok(true)
}

/// What the reminder says.
fn values(incident: &incident::Model, now: DateTime<Utc>) -> Value {
    let left = due_at(incident) - now;
    json!({
        "incident_id": incident.id,
        "title": incident.title,
        "aware_at": incident.aware_at.to_rfc3339(),
        "due_at": due_at(incident).to_rfc3339(),
        "late": left < TimeDelta::zero(),
        "hours": left.num_hours().abs(),
    })
}

#[cfg(test)]
mod tests {
    use entity::incident::Exposure;

    use super::*;
    use crate::{
        Error,
        incidents::{NewIncident, NewNotice, create, notify},
        testing::World,
    };

    #[test]
    fn reminders_come_closer_together_and_do_not_stop() {
        let aware: DateTime<Utc> = "2026-03-28T12:00:00Z".parse().unwrap();
        for (hours, count) in [
            (0, 0),
            (23, 0),
            (24, 1),
            (48, 2),
            (65, 2),
            (66, 3),
            (72, 4),
            (95, 4),
            (96, 5),
            (120, 6),
        ] {
            assert_eq!(
                due_reminders(aware, aware + TimeDelta::hours(hours)),
                count,
                "{hours}"
            );
        }
    }

    #[test]
    fn seventy_two_hours_are_seventy_two_hours_whatever_the_calendar_and_the_clocks_on_the_wall_do() {
        let berlin = chrono_tz::Europe::Berlin;
        for (aware, due, on_the_wall) in [
            // Clocks go forward in between: an hour later on the wall.
            ("2026-03-27T12:00:00+01:00", "2026-03-30T11:00:00Z", "30 13:00"),
            // And back: an hour earlier.
            ("2026-10-23T12:00:00+02:00", "2026-10-26T10:00:00Z", "26 11:00"),
            // In the hour that there is twice.
            ("2026-10-25T02:30:00+02:00", "2026-10-28T00:30:00Z", "28 01:30"),
            ("2026-10-25T02:30:00+01:00", "2026-10-28T01:30:00Z", "28 02:30"),
            // A leap day counts like any other, and so does a weekend.
            ("2028-02-27T12:00:00+01:00", "2028-03-01T11:00:00Z", "01 12:00"),
            ("2027-02-27T12:00:00+01:00", "2027-03-02T11:00:00Z", "02 12:00"),
            ("2026-12-31T23:59:59+01:00", "2027-01-03T22:59:59Z", "03 23:59"),
        ] {
            let aware: DateTime<Utc> = aware.parse().unwrap();
            let end = aware + CLOCK;
            assert_eq!(end, due.parse::<DateTime<Utc>>().unwrap(), "{aware}");
            let wall = end.with_timezone(&berlin).format("%d %H:%M").to_string();
            assert_eq!(wall, on_the_wall, "{aware}");
        }
    }

    async fn enter(world: &World, risk: Risk) -> incident::Model {
        let tx = world.ctx.store.begin(&world.scope).await.unwrap();
        let now = world.ctx.now();
        let new = NewIncident {
            title: "A laptop was lost".to_owned(),
            facts: "With a session open.".to_owned(),
            nature: vec!["confidentiality".to_owned()],
            exposure: Exposure::Live,
            risk,
            endpoint_ids: Vec::new(),
            started_at: now,
            ended_at: None,
            aware_at: None,
        };
        let row = create(&tx, &world.ctx, new).await.unwrap();
        tx.save().await.unwrap();
        row
    }

    #[tokio::test]
    async fn the_owner_is_reminded_once_for_each_stage_until_the_authority_was_told() {
        let world = World::new().await;
        let ctx = &world.ctx;
        let incident = enter(&world, Risk::Unknown).await;
        enter(&world, Risk::Unlikely).await;
        for (hours, reminded) in [(0, 0), (24, 1), (0, 0), (24, 1), (18, 1), (6, 1), (23, 0), (1, 1)] {
            world.clock.advance(TimeDelta::hours(hours));
            assert_eq!(remind(ctx).await.unwrap(), reminded, "after {hours} more hours");
        }
        let tx = ctx.store.begin(&world.scope).await.unwrap();
        let late = notify(&tx, ctx, incident.id, None, NewNotice::default()).await;
        assert!(matches!(late, Err(Error::Invalid(_))), "late needs a reason");
        let reason = Some("Nobody was there.".to_owned());
        let notice = NewNotice {
            late_reason: reason,
            note: None,
        };
        notify(&tx, ctx, incident.id, None, notice).await.unwrap();
        tx.save().await.unwrap();
        world.clock.advance(TimeDelta::days(3));
        assert_eq!(remind(ctx).await.unwrap(), 0, "its clock stands");
    }
}
