//! The end of a restriction or an objection. The person is told first (GDPR Art. 18(3)): the log shows the notice before
//! the end, and between the two there is time to disagree.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{RequestId, SubjectId},
    objection,
    request::{self, RequestKind, RequestState},
    request_event::RequestStep,
};
use sea_orm::{ColumnTrait, Condition, PaginatorTrait, QueryFilter, QuerySelect, Set};
use serde_json::json;

use super::{
    clock, notify, read,
    steps::{Said, amend, note},
};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    error::Faults,
    subjects,
    tenancy::{Actor, TenantScope, TenantTx, expect_version},
};

/// How long after the notice it ends, when nothing else is said.
pub const NOTICE: TimeDelta = TimeDelta::days(7);
/// The least time between the two.
const LEAST_NOTICE: TimeDelta = TimeDelta::hours(1);

/// The end of a restriction or an objection, to be announced.
#[derive(Clone, Debug, Default)]
pub struct Lifting {
    /// Why, for the person.
    pub text: String,
    /// When; after [`NOTICE`] when nothing is said.
    pub at: Option<DateTime<Utc>>,
    /// That the person, who has no address here, was told by other means.
    pub told_otherwise: bool,
}

/// Tells the person that their restriction or objection ends, and when.
///
/// # Errors
/// `wrong_state` when there is nothing that could end; `nobody_told` when there is no address to write to.
pub async fn announce(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    expected: Option<i32>,
    lifting: Lifting,
) -> Result<request::Model> {
    let request = read(tx, id).await?;
    expect_version(request.version, expected)?;
    let ends = matches!(request.kind, RequestKind::Restriction | RequestKind::Objection);
    if !ends || request.state != RequestState::Completed || request.lifted_at.is_some() {
        let detail = "only a restriction or an objection that stands can be lifted";
        return Err(Error::conflict("wrong_state", detail));
    }
    let now = ctx.now();
    let at = lifting.at.unwrap_or(now + NOTICE);
    let text = lifting.text.trim();
    let mut faults = Faults::default();
    faults.check(
        (1..=4_000).contains(&text.chars().count()),
        "/text",
        "required",
        "tell the person why, in at most 4000 characters",
    );
    faults.check(
        at >= now + LEAST_NOTICE,
        "/at",
        "too_early",
        "leave at least an hour between the notice and the end",
    );
    faults.finish()?;
    let changes = request::ActiveModel {
        lift_at: Set(Some(at)),
        ..Default::default()
    };
    amend(tx, id, changes, Condition::all()).await?;
    let law = clock::profile(&request);
    let values = json!({
        "text": text,
        "lift_at": at.to_rfc3339(),
        "complaint": law.complaint,
        "remedy": law.remedy,
    });
    let mailed = notify(tx, ctx, &request, "request_lifting", values).await?;
    if !mailed && !lifting.told_otherwise {
        return Err(Error::conflict(
            "nobody_told",
            "there is no address to write to: tell the person, and repeat this with told_otherwise",
        ));
    }
    let facts = json!({ "kind": request.kind, "lift_at": at, "by_mail": mailed });
    audit::record(tx, ctx, about(&request, "request.lifting_announced").facts(facts)).await?;
    let noted = format!("ends on {}: {text}", at.format("%Y-%m-%d"));
    let said = Said::that(RequestStep::Lifting, noted).telling(text);
    note(tx, ctx, &request, request.state, said).await?;
    read(tx, id).await
}

/// Ends what was announced and is due. Answers how many.
pub async fn lift_due(ctx: &Ctx) -> Result<u64> {
    let view = ctx
        .store
        .system_read("the worker looks for restrictions of all tenants that end")
        .await?;
    let due = view
        .find::<request::Entity>()
        .filter(request::Column::State.eq(RequestState::Completed))
        .filter(request::Column::LiftAt.lte(ctx.now()))
        .filter(request::Column::LiftedAt.is_null())
        .limit(100)
        .all(view.conn())
        .await?;
    drop(view);
    let mut lifted = 0;
    for request in due {
        let scope = TenantScope::new(request.tenant_id, Actor::System);
        let tx = ctx.store.begin(&scope).await?;
        lift(&tx, ctx, &request).await?;
        tx.save().await?;
        lifted += 1;
    }
    Ok(lifted)
}

async fn lift(tx: &TenantTx, ctx: &Ctx, request: &request::Model) -> Result<()> {
    tx.update_many::<request::Entity>()
        .set(request::ActiveModel {
            lifted_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .filter(request::Column::Id.eq(request.id))
        .exec(tx.conn())
        .await?;
    let facts = json!({ "kind": request.kind });
    audit::record(tx, ctx, about(request, "request.lifted").facts(facts)).await?;
    let said = Said::that(RequestStep::Lifted, "it has ended");
    note(tx, ctx, request, request.state, said).await?;
    let Some(subject) = request.subject_id else {
        return Ok(());
    };
    match request.kind {
        // Another restriction may still stand.
        RequestKind::Restriction if standing(tx, subject).await? => {}
        RequestKind::Restriction => {
            subjects::unrestrict(tx, ctx, subject).await?;
        }
        _ => {
            let rows = tx
                .find::<objection::Entity>()
                .filter(objection::Column::RequestId.eq(request.id))
                .all(tx.conn())
                .await?;
            tx.delete_many::<objection::Entity>()
                .filter(objection::Column::RequestId.eq(request.id))
                .exec(tx.conn())
                .await?;
            let standings = ctx.standings.clone();
            ctx.tell_standing_after(tx, subject);
            tx.after_save(move || {
                for row in rows {
                    standings.objection_changed(subject, row.purpose_id, false);
                }
            });
        }
    }
    Ok(())
}

/// Whether a restriction that the person asked for stands: then only [`announce`] ends it.
pub(crate) async fn standing(tx: &TenantTx, subject: SubjectId) -> Result<bool> {
    let standing = tx
        .find::<request::Entity>()
        .filter(request::Column::SubjectId.eq(subject))
        .filter(request::Column::Kind.eq(RequestKind::Restriction))
        .filter(request::Column::State.eq(RequestState::Completed))
        .filter(request::Column::LiftedAt.is_null())
        .count(tx.conn())
        .await?;
    Ok(standing > 0)
}

fn about(request: &request::Model, kind: &'static str) -> Event {
    let event = Event::new(kind).target("request", request.id);
    match request.subject_id {
        Some(subject) => event.subject(subject),
        None => event,
    }
}
