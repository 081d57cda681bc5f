//! Decisions about requests, by people; and what happens when nobody proves who they are.

use chrono::TimeDelta;
use entity::{
    id::RequestId,
    request::{self, RequestState},
    request_event::RequestStep,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, Set};
use serde_json::json;

use super::{
    FulfilRequest, notify, read,
    refusals::{REFUSALS, refusal},
    steps::{Changes, Said, amend, may_follow, note, step},
};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    deadlines,
    error::Faults,
    jobs,
    tenancy::{Actor, TenantScope, TenantTx, expect_version},
    tenants,
};

/// Bytes of the words that go with a refusal.
const MAX_TEXT: usize = 4_000;

/// How long a request waits for its identity to be proven.
const STALE_AFTER: TimeDelta = TimeDelta::days(30);

/// Refuses a request, with a reason of [`REFUSALS`] and words of the tenant's own. The person is told, with the ways
/// to complain (GDPR Art. 12(4)).
pub async fn refuse(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
    code: &str,
    text: &str,
) -> Result<request::Model> {
    let request = read(tx, id).await?;
    expect_version(request.version, expected)?;
    let text = text.trim();
    let mut faults = Faults::default();
    let reason = refusal(code, request.kind);
    if reason.is_none() {
        let known: Vec<_> = REFUSALS
            .iter()
            .filter(|refusal| refusal.kind.is_none_or(|only| only == request.kind))
            .map(|refusal| refusal.code)
            .collect();
        faults.add("/code", "unknown", format!("use one of {}", known.join(", ")));
    }
    faults.check(
        !text.is_empty(),
        "/text",
        "required",
        "the person must be told why, in words",
    );
    faults.check(
        text.len() <= MAX_TEXT,
        "/text",
        "too_long",
        format!("at most {MAX_TEXT} bytes"),
    );
    faults.finish()?;
    let Some(reason) = reason else {
        return Err(Error::NotFound { what: "reason" });
    };
    let profile = deadlines::profile_or_default(&request.jurisdiction);
    let late = request.due_at < ctx.now();
    let facts = json!({ "kind": request.kind, "code": code, "dpv": reason.dpv, "late": late });
    let changes = Changes {
        note: Some(format!("{} ({})", reason.because, reason.provision)),
        refusal: Some((code.to_owned(), Some(text.to_owned()))),
        ..Changes::default()
    };
    let request = end(
        tx,
        ctx,
        &request,
        RequestState::Refused,
        "request.refused",
        facts,
        changes,
    )
    .await?;
    let values = json!({
        "code": code,
        "because": reason.because,
        "provision": reason.provision,
        "text": text,
        "complaint": profile.complaint,
        "remedy": profile.remedy,
    });
    notify(tx, ctx, &request, "request_refused", values).await?;
    Ok(request)
}

/// Takes a request back.
pub async fn withdraw(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
) -> Result<request::Model> {
    let request = read(tx, id).await?;
    expect_version(request.version, expected)?;
    let facts = json!({ "kind": request.kind });
    let to = RequestState::Withdrawn;
    end(
        tx,
        ctx,
        &request,
        to,
        "request.withdrawn",
        facts,
        Changes::default(),
    )
    .await
}

/// Lets a request go on that waited for a decision.
pub async fn approve(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
) -> Result<request::Model> {
    let request = read(tx, id).await?;
    expect_version(request.version, expected)?;
    if request.state != RequestState::Approval {
        return Err(Error::conflict(
            "wrong_state",
            "only a request that waits for a decision can be approved",
        ));
    }
    if tenants::read(tx).await?.four_eyes {
        let actor = tx.actor().to_string();
        match &request.approved_by {
            None => return first_of_two(tx, ctx, &request, actor).await,
            Some(first) if *first == actor => {
                let detail = "you have approved it; somebody else must, too";
                return Err(Error::conflict("four_eyes", detail));
            }
            Some(_) => {}
        }
    }
    let changes = Changes {
        note: Some("approved".to_owned()),
        ..Changes::default()
    };
    let approved = step(tx, ctx, &request, RequestState::InProgress, changes).await?;
    let event = about(&request, "request.approved").facts(json!({ "kind": request.kind }));
    audit::record(tx, ctx, event).await?;
    jobs::enqueue(tx, ctx, &FulfilRequest { request: id }).await?;
    Ok(approved)
}

/// Notes who approved first. It still waits: for somebody else.
async fn first_of_two(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    actor: String,
) -> Result<request::Model> {
    let changes = request::ActiveModel {
        approved_by: Set(Some(actor)),
        ..Default::default()
    };
    let as_read = Condition::all()
        .add(request::Column::State.eq(RequestState::Approval))
        .add(request::Column::ApprovedBy.is_null());
    if !amend(tx, request.id, changes, as_read).await? {
        return Err(Error::conflict("wrong_state", "somebody decided it meanwhile"));
    }
    let event = about(request, "request.approved_first").facts(json!({ "kind": request.kind }));
    audit::record(tx, ctx, event).await?;
    let said = Said::that(RequestStep::ApprovedFirst, "approved by one of two");
    note(tx, ctx, request, request.state, said).await?;
    read(tx, request.id).await
}

/// Ends requests whose identity nobody proved in time. Answers how many.
pub async fn expire_stale(ctx: &Ctx) -> Result<u64> {
    let view = ctx
        .store
        .system_read("the worker looks for stale requests of all tenants")
        .await?;
    let stale = view
        .find::<request::Entity>()
        .filter(request::Column::State.eq(RequestState::Received))
        .filter(request::Column::ReceivedAt.lt(ctx.now() - STALE_AFTER))
        .limit(100)
        .all(view.conn())
        .await?;
    drop(view);
    let mut expired = 0;
    for request in stale {
        let scope = TenantScope::new(request.tenant_id, Actor::System);
        let tx = ctx.store.begin(&scope).await?;
        let facts = json!({ "kind": request.kind });
        let changes = Changes {
            note: Some("nobody proved that the request is theirs".to_owned()),
            ..Changes::default()
        };
        let to = RequestState::Expired;
        match end(&tx, ctx, &request, to, "request.expired", facts, changes).await {
            Ok(_) => tx.save().await?,
            // Somebody acted meanwhile.
            Err(Error::Conflict { .. }) => continue,
            Err(error) => return Err(error),
        }
        expired += 1;
    }
    Ok(expired)
}

/// Ends a request without doing what it asked for.
async fn end(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    to: RequestState,
    kind: &'static str,
    facts: serde_json::Value,
    changes: Changes,
) -> Result<request::Model> {
    if !may_follow(request.kind, request.state, to) {
        return Err(Error::conflict(
            "wrong_state",
            format!("a request that is {} cannot become {to}", request.state),
        ));
    }
    let audit_index = audit::record(tx, ctx, about(request, kind).facts(facts)).await?;
    let changes = Changes {
        completed_at: Some(ctx.now()),
        audit_index: Some(audit_index),
        ..changes
    };
    step(tx, ctx, request, to, changes).await
}

fn about(request: &request::Model, kind: &'static str) -> Event {
    let event = Event::new(kind).target("request", request.id);
    match request.subject_id {
        Some(subject) => event.subject(subject),
        None => event,
    }
}
