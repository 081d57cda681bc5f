//! Whether people get what they ask for, in time.

use chrono::{DateTime, TimeDelta, Utc};
use entity::request::{self, RequestState};
use sea_orm::{ColumnTrait, Condition, QueryFilter};
use serde_json::json;

use super::{Finding, Look, Section, Severity, words::counted};
use crate::{callbacks, error::Result, requests::OPEN};

/// How long a recipient may take to answer before that is spoken of.
const PATIENCE: TimeDelta = TimeDelta::days(14);

/// How a request came out, or stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Open,
    Overdue,
    InTime,
    Late,
    /// The person took it back: nobody had to answer it.
    Withdrawn,
    /// The person never confirmed it: nobody was allowed to answer it.
    Lapsed,
}

fn outcome(
    state: RequestState,
    due: DateTime<Utc>,
    completed: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Outcome {
    match (state, completed) {
        (RequestState::Withdrawn, _) => Outcome::Withdrawn,
        (RequestState::Expired, _) => Outcome::Lapsed,
        (_, None) if due < now => Outcome::Overdue,
        (_, None) => Outcome::Open,
        (_, Some(at)) if at > due => Outcome::Late,
        (_, Some(_)) => Outcome::InTime,
    }
}

pub(super) async fn section(look: &Look<'_>) -> Result<Section> {
    use request::Column;
    let (tx, now) = (look.tx, look.ctx.now());
    let concerned = Condition::any()
        .add(
            Condition::all()
                .add(Column::ReceivedAt.gte(look.from))
                .add(Column::ReceivedAt.lt(look.to)),
        )
        .add(
            Condition::all()
                .add(Column::CompletedAt.gte(look.from))
                .add(Column::CompletedAt.lt(look.to)),
        )
        .add(Column::State.is_in(OPEN));
    let requests = tx
        .find::<request::Entity>()
        .filter(concerned)
        .all(tx.conn())
        .await?;
    let mut findings = Vec::new();
    let (mut open, mut in_time, mut late, mut withdrawn, mut lapsed) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    for request in &requests {
        match outcome(request.state, request.due_at, request.completed_at, now) {
            Outcome::Overdue => {
                open += 1;
                findings.push(Finding {
                    leaf: request.audit_index,
                    ..Finding::new(
                        "request_overdue",
                        Severity::High,
                        request.id.to_string(),
                        format!(
                            "a request ({}) should have been answered by {}",
                            request.kind,
                            request.due_at.date_naive()
                        ),
                        "answer it, or refuse it with a reason (Art. 12(3), (4))",
                    )
                });
            }
            Outcome::Open => open += 1,
            Outcome::Late => {
                late += 1;
                findings.push(Finding {
                    leaf: request.audit_index,
                    ..Finding::new(
                        "request_answered_late",
                        Severity::Medium,
                        request.id.to_string(),
                        format!("a request ({}) was answered after it was due", request.kind),
                        "find out what held it up; extend in time where the law allows it (Art. 12(3))",
                    )
                });
            }
            Outcome::InTime => in_time += 1,
            Outcome::Withdrawn => withdrawn += 1,
            Outcome::Lapsed => lapsed += 1,
        }
    }
    let silent = callbacks::unanswered(tx, now - PATIENCE).await?;
    for callback in &silent {
        findings.push(Finding::new(
            "recipient_silent",
            Severity::Medium,
            callback.id.to_string(),
            format!(
                "a recipient ({}) has not said that it did as it was told ({})",
                callback.host.as_deref().unwrap_or("unknown"),
                callback.act
            ),
            "ask the recipient, and note its answer with the callback (Art. 19)",
        ));
    }
    let erased = look.events("subject.erased").await?;
    let answer = format!(
        "{} this time: {} answered in time, {late} late, {}, {} withdrawn, {} never confirmed.",
        counted(requests.len(), "request concerns", "requests concern"),
        counted(in_time, "was", "were"),
        counted(open, "is open", "are open"),
        counted(withdrawn, "was", "were"),
        counted(lapsed, "was", "were")
    );
    Ok(Section {
        key: "rights",
        question: "Do people get what they ask for, in time?",
        answer,
        facts: json!({
            "requests": requests.len(),
            "answered_in_time": in_time,
            "answered_late": late,
            "open": open,
            "withdrawn": withdrawn,
            "never_confirmed": lapsed,
            "persons_erased": erased.json(),
            "recipients_silent": silent.len(),
        }),
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_answered_counts_as_answered() {
        let due = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (before, after) = (due - TimeDelta::hours(1), due + TimeDelta::hours(1));
        for (state, completed, now, expected) in [
            (RequestState::Completed, Some(before), after, Outcome::InTime),
            (RequestState::Refused, Some(before), after, Outcome::InTime),
            (RequestState::Completed, Some(after), after, Outcome::Late),
            (RequestState::Withdrawn, Some(before), after, Outcome::Withdrawn),
            (RequestState::Withdrawn, Some(after), after, Outcome::Withdrawn),
            (RequestState::Expired, Some(before), after, Outcome::Lapsed),
            (RequestState::InProgress, None, before, Outcome::Open),
            (RequestState::InProgress, None, after, Outcome::Overdue),
        ] {
            assert_eq!(outcome(state, due, completed, now), expected, "{state}");
        }
    }
}
