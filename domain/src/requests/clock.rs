//! The clock of a request: confirmed, put off with notice, standing still while the person must act, going on again.
//! The length of everything comes from the request's [`Profile`].

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::RequestId,
    request::{self, RequestState},
    request_event::RequestStep,
};
use sea_orm::{ColumnTrait, Condition, Set};
use serde_json::json;

use super::{
    FulfilRequest, notify, read,
    steps::{Said, amend, note},
};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    deadlines::{self, Clock, Pause, Profile},
    error::Faults,
    jobs, requests,
    tenancy::{TenantTx, expect_version},
    tenants,
};

/// Characters of what the person is told.
const MAX_TEXT: usize = 4_000;

/// Why an answer takes longer, with its term in the Data Privacy Vocabulary (DPV 2.3, `eu-gdpr:`) and the words that
/// follow "because" (Art. 12(3) GDPR).
pub const EXTENSIONS: &[(&str, &str, &str)] = &[
    (
        "complexity",
        "eu-gdpr:JustificationA12Complexity",
        "it is complex",
    ),
    (
        "number_of_requests",
        "eu-gdpr:JustificationA12HighVolume",
        "there are many such requests",
    ),
];

/// The profile that a request is answered under.
pub fn profile(request: &request::Model) -> &'static Profile {
    deadlines::profile_or_default(&request.jurisdiction)
}

/// What moved the end of its time, with what it stands still for just now.
fn clock(request: &request::Model, now: DateTime<Utc>) -> Clock {
    let paused = TimeDelta::seconds(request.paused_seconds)
        + request.paused_at.map_or(TimeDelta::zero(), |since| now - since);
    Clock {
        received_at: request.received_at,
        paused,
        extended: request.extended_at.is_some(),
    }
}

async fn due_at(tx: &TenantTx, request: &request::Model, clock: &Clock) -> Result<DateTime<Utc>> {
    let calendar = deadlines::calendar(&tenants::read(tx).await?);
    Ok(profile(request).due_at(clock, request.kind, &calendar))
}

/// Puts the answer off, once, and tells the person why (Art. 12(3) GDPR, 11 CCR §7021).
///
/// # Errors
/// `not_extendable` when the law knows no extension, it was extended before, or its first period is over: notice is only
/// notice inside it.
pub async fn extend(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
    reason: &str,
    text: &str,
) -> Result<request::Model> {
    let request = open(tx, id, expected).await?;
    let mut faults = Faults::default();
    let known = EXTENSIONS.iter().find(|(code, ..)| *code == reason);
    let codes: Vec<_> = EXTENSIONS.iter().map(|(code, ..)| *code).collect();
    faults.check(
        known.is_some(),
        "/reason",
        "unknown",
        format!("use one of {}", codes.join(", ")),
    );
    check_text(&mut faults, text);
    faults.finish()?;
    let Some((code, dpv, because)) = known else {
        return Err(Error::NotFound { what: "reason" });
    };
    let refused = |detail: &str| Err(Error::conflict("not_extendable", detail));
    let law = profile(&request);
    if law.extend.is_none() {
        return refused(&format!("{} knows no extension", law.name));
    }
    if request.extended_at.is_some() {
        return refused("it was extended before, and that can be done once");
    }
    if request.due_at < ctx.now() {
        return refused("its time is over; notice of an extension must be given before");
    }
    let clock = Clock {
        extended: true,
        ..clock(&request, ctx.now())
    };
    let due_at = due_at(tx, &request, &clock).await?;
    let changes = request::ActiveModel {
        due_at: Set(due_at),
        extended_at: Set(Some(ctx.now())),
        extension_reason: Set(Some((*code).to_owned())),
        ..Default::default()
    };
    let until = due_at.format("%Y-%m-%d");
    let noted = format!("extended until {until}, because {because}: {}", text.trim());
    let said = Said::that(RequestStep::Extended, noted).telling(text.trim());
    let facts = json!({ "kind": request.kind, "reason": code, "dpv": dpv, "due_at": due_at });
    let request = change(tx, ctx, &request, changes, "request.extended", facts, said).await?;
    let values = json!({ "code": code, "because": because, "text": text.trim(), "complaint": law.complaint, "remedy": law.remedy });
    notify(tx, ctx, &request, "request_extended", values).await?;
    Ok(request)
}

/// Stops the clock until the person has acted, and tells them what to do.
///
/// # Errors
/// `not_pausable` when the law lets the clock run on, or it stands still already; `wrong_state` once the request is
/// being carried out.
pub async fn pause(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
    reason: &str,
    text: &str,
) -> Result<request::Model> {
    let request = open(tx, id, expected).await?;
    let law = profile(&request);
    let mut faults = Faults::default();
    let known = Pause::parse(reason);
    faults.check(
        known.is_some(),
        "/reason",
        "unknown",
        "use identity or clarification",
    );
    check_text(&mut faults, text);
    faults.finish()?;
    if known.is_none_or(|reason| !law.pauses.contains(&reason)) {
        let detail = format!("the clock of {} does not stand still for that", law.name);
        return Err(Error::conflict("not_pausable", detail));
    }
    if request.paused_at.is_some() {
        return Err(Error::conflict("not_pausable", "the clock stands still already"));
    }
    if request.state == RequestState::InProgress {
        return Err(Error::conflict("wrong_state", "it is being carried out"));
    }
    let changes = request::ActiveModel {
        paused_at: Set(Some(ctx.now())),
        pause_reason: Set(Some(reason.to_owned())),
        ..Default::default()
    };
    let facts = json!({ "kind": request.kind, "reason": reason });
    let noted = format!("the clock stands still ({reason}): {}", text.trim());
    let said = Said::that(RequestStep::Paused, noted).telling(text.trim());
    let request = change(tx, ctx, &request, changes, "request.paused", facts, said).await?;
    let values = json!({ "reason": reason, "text": text.trim() });
    notify(tx, ctx, &request, "request_paused", values).await?;
    Ok(request)
}

/// Lets the clock go on: the end of the time moves by the whole days that it stood still.
///
/// # Errors
/// `wrong_state` when it does not stand still.
pub async fn resume(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
) -> Result<request::Model> {
    let request = open(tx, id, expected).await?;
    if request.paused_at.is_none() {
        return Err(Error::conflict("wrong_state", "the clock of this request runs"));
    }
    let clock = clock(&request, ctx.now());
    let due_at = due_at(tx, &request, &clock).await?;
    let changes = request::ActiveModel {
        due_at: Set(due_at),
        paused_at: Set(None),
        pause_reason: Set(None),
        paused_seconds: Set(clock.paused.num_seconds()),
        ..Default::default()
    };
    let facts = json!({ "kind": request.kind, "due_at": due_at, "paused_days": clock.paused.num_days() });
    let noted = format!("the clock goes on; due {}", due_at.format("%Y-%m-%d"));
    let said = Said::that(RequestStep::Resumed, noted);
    let request = change(tx, ctx, &request, changes, "request.resumed", facts, said).await?;
    if matches!(request.state, RequestState::Verified | RequestState::InProgress) {
        jobs::enqueue(tx, ctx, &FulfilRequest { request: id }).await?;
    }
    Ok(request)
}

/// Notes that the person was told, by other means than a mail of ours, that the request has arrived.
///
/// # Errors
/// `wrong_state` when that is noted already.
pub async fn acknowledge(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
) -> Result<request::Model> {
    let request = open(tx, id, expected).await?;
    if request.acknowledged_at.is_some() {
        return Err(Error::conflict("wrong_state", "its receipt is confirmed already"));
    }
    let changes = request::ActiveModel {
        acknowledged_at: Set(Some(ctx.now())),
        ..Default::default()
    };
    let facts = json!({ "kind": request.kind });
    let noted = "its receipt was confirmed to the person";
    let said = Said::that(RequestStep::Acknowledged, noted);
    change(tx, ctx, &request, changes, "request.acknowledged", facts, said).await
}

async fn open(tx: &TenantTx, id: RequestId, expected: Option<i32>) -> Result<request::Model> {
    let request = read(tx, id).await?;
    expect_version(request.version, expected)?;
    if requests::OPEN.contains(&request.state) {
        Ok(request)
    } else {
        Err(Error::conflict(
            "wrong_state",
            "it has been answered, and its clock with it",
        ))
    }
}

fn check_text(faults: &mut Faults, text: &str) {
    faults.check(
        !text.trim().is_empty(),
        "/text",
        "required",
        "say in words what the person is told",
    );
    faults.check(
        text.chars().count() <= MAX_TEXT,
        "/text",
        "too_long",
        format!("use at most {MAX_TEXT} characters"),
    );
}

/// Changes what does not change the state, notes it with the request and in the log.
async fn change(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    changes: request::ActiveModel,
    kind: &'static str,
    facts: serde_json::Value,
    said: Said,
) -> Result<request::Model> {
    let as_read = Condition::all()
        .add(request::Column::State.eq(request.state))
        .add(request::Column::Version.eq(request.version));
    if !amend(tx, request.id, changes, as_read).await? {
        return Err(Error::conflict("wrong_state", "somebody changed it meanwhile"));
    }
    let mut event = Event::new(kind).target("request", request.id).facts(facts);
    if let Some(subject) = request.subject_id {
        event = event.subject(subject);
    }
    audit::record(tx, ctx, event).await?;
    note(tx, ctx, request, request.state, said).await?;
    read(tx, request.id).await
}
