//! Whether people get what they ask for, in time.

use chrono::TimeDelta;
use entity::request;
use sea_orm::{ColumnTrait, Condition, QueryFilter};
use serde_json::json;

use super::{Finding, Look, Section, Severity};
use crate::{callbacks, error::Result, requests::OPEN};

/// How long a recipient may take to answer before that is spoken of.
const PATIENCE: TimeDelta = TimeDelta::days(14);

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
    let (mut open, mut in_time, mut late) = (0_u64, 0_u64, 0_u64);
    for request in &requests {
        match request.completed_at {
            None if request.due_at < now => {
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
            None => open += 1,
            Some(at) if at > request.due_at => {
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
            Some(_) => in_time += 1,
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
        "{} requests concern this time: {in_time} were answered in time, {late} late, {open} are open.",
        requests.len()
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
            "persons_erased": erased.json(),
            "recipients_silent": silent.len(),
        }),
        findings,
    })
}
