//! OpenDSR 2.0: a controller's systems hand requests of persons on, ask how they stand and take them back, in the form that
//! privacy platforms speak. A request made here is a request like any other; only its door and its answers differ.
//! <https://github.com/opengdpr/OpenDSR>
//!
//! Who a person is, the controller asserts ([`OpendsrTrust`]): its system is believed, or each person confirms the request
//! on the privacy page first. Every answer and every callback is signed ([`signing`]).

mod body;
mod callbacks;
mod hashed;
mod signing;

use chrono::{DateTime, Utc};
use entity::{
    id::{RequestId, TenantId},
    opendsr_request,
    request::{self, RequestKind, RequestOrigin, RequestState},
    subject,
    tenant::{self, OpendsrTrust},
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect, Set, sea_query::Expr};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use callbacks::status_changed;
pub use callbacks::{Call, SendStatusCallback, call};
pub use hashed::{Format, Hashed, IdentifyPerson, What, identify};
pub(crate) use signing::context as key_context;
pub use signing::{Identity, Signed, certificate, domain, sign};

use crate::{
    Error, Result,
    ctx::Ctx,
    requests::{self, HandedOn, Outcome},
    subjects,
    tenancy::{TenantScope, TenantTx},
    tenants,
};
use body::Demand;

/// The version of the specification that is spoken.
pub const VERSION: &str = "2.0";

/// What is not found where no tenant takes requests, or not from this caller.
pub const MISSING: &str = "OpenDSR address";

/// What a controller is told when it did not go well, as the specification's error object has it.
#[derive(Debug)]
pub enum Refusal {
    /// The request cannot be understood or carried out: what, and where.
    Invalid(Vec<(&'static str, String)>),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<sea_orm::DbErr> for Refusal {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Other(error.into())
    }
}

impl Refusal {
    fn one(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![(reason, message.into())])
    }
}

/// What can be asked for here, for everybody to see.
pub fn discovery(ctx: &Ctx, tenant: &tenant::Model) -> Value {
    let formats = || ["raw"].into_iter().chain(Format::ALL.map(Format::as_str));
    let identities: Vec<Value> = ["controller_customer_id", "email"]
        .into_iter()
        .flat_map(|kind| {
            formats().map(move |format| json!({ "identity_type": kind, "identity_format": format }))
        })
        .collect();
    json!({
        "api_version": VERSION,
        "supported_identities": identities,
        "supported_subject_request_types": ["access", "portability", "erasure"],
        "processor_certificate": format!("{}/certificate.pem", base(ctx, tenant)),
    })
}

/// Where a tenant's door is.
fn base(ctx: &Ctx, tenant: &tenant::Model) -> String {
    let base = ctx.settings.base();
    format!("{base}/opendsr/{}", tenant.slug)
}

/// The tenant whose door it is, while it is open.
pub async fn open(ctx: &Ctx, slug: &str) -> Result<tenant::Model> {
    let missing = || Error::NotFound { what: MISSING };
    let tenant = tenants::by_slug(ctx, slug).await?.ok_or_else(missing)?;
    if tenant.opendsr_trust == OpendsrTrust::Closed {
        return Err(missing());
    }
    Ok(tenant)
}

/// Takes a request. Answers what the controller is told.
pub async fn create(ctx: &Ctx, scope: &TenantScope, raw: &[u8]) -> std::result::Result<Value, Refusal> {
    let now = ctx.now();
    let demand = Demand::read(raw, now).map_err(Refusal::Invalid)?;
    let tx = ctx.store.begin(scope).await?;
    let tenant = tenants::read(&tx).await?;
    if find(&tx, demand.subject_request_id).await?.is_some() {
        return Err(Refusal::one(
            "duplicate",
            "this subject_request_id was used before; ask for its status instead",
        ));
    }
    let person = person(&tx, ctx, &demand).await?;
    let unconfirmed = tenant.opendsr_trust == OpendsrTrust::Person;
    // Whoever is named in plain words is who is meant. Else it is looked for, later, whom the hashes name.
    let hashed = if person.is_none() {
        demand.hashed.clone()
    } else {
        Vec::new()
    };
    let reachable = !hashed.is_empty()
        || demand.email.is_some()
        || person.as_ref().is_some_and(|row| row.email_index.is_some());
    if unconfirmed && !reachable {
        return Err(Refusal::one(
            "identity",
            "the person must confirm the request, so an identity of type email is needed",
        ));
    }
    let standing = match &person {
        Some(person) => requests::open_of(&tx, demand.kind, person.id).await?,
        None => None,
    };
    let request = if let Some(standing) = standing {
        // Asked for twice: both names lead to one request, and nothing is believed that was not before.
        standing
    } else {
        let new = HandedOn {
            kind: demand.kind,
            subject: person.map(|person| person.id),
            email: demand.email.clone(),
            hashed,
            unconfirmed,
            jurisdiction: demand.jurisdiction(&tenant).to_owned(),
            asked_at: demand.submitted_at,
            note: format!("OpenDSR request {}", demand.subject_request_id),
        };
        requests::create_handed_on(&tx, ctx, new).await?
    };
    tx.insert(opendsr_request::ActiveModel {
        subject_request_id: Set(demand.subject_request_id),
        request_id: Set(request.id),
        regulation: Set(demand.regulation.to_owned()),
        api_version: Set(demand.api_version.clone()),
        submitted_at: Set(demand.submitted_at),
        received_at: Set(now),
        callback_urls: Set(json!(demand.callback_urls)),
        cancelled_at: Set(None),
        ..Default::default()
    })
    .await?;
    tx.save().await?;
    Ok(json!({
        "controller_id": tenant.id,
        "expected_completion_time": stamp(request.due_at),
        "received_time": stamp(now),
        "encoded_request": body::encoded(raw),
        "subject_request_id": demand.subject_request_id,
        "api_version": VERSION,
    }))
}

/// How a request stands.
///
/// # Errors
/// `NotFound` when the controller's name for it is none.
pub async fn status(ctx: &Ctx, scope: &TenantScope, id: Uuid) -> Result<Value> {
    let tx = ctx.store.read(scope).await?;
    let row = find(&tx, id).await?.ok_or(Error::NotFound { what: "request" })?;
    let request = requests::read(&tx, row.request_id).await?;
    told(ctx, tx.tenant(), &row, &request)
}

/// Takes a request back that nothing was done about yet. Answers what the controller is told.
pub async fn cancel(ctx: &Ctx, scope: &TenantScope, id: Uuid) -> std::result::Result<Value, Refusal> {
    let tx = ctx.store.begin(scope).await?;
    let row = find(&tx, id).await?.ok_or(Error::NotFound { what: "request" })?;
    let request = requests::read(&tx, row.request_id).await?;
    let stands = word(&row, &request);
    if stands != "pending" {
        let message = format!("only a pending request can be cancelled; this one is {stands}");
        return Err(Refusal::one("wrong_state", message));
    }
    tx.update_many::<opendsr_request::Entity>()
        .col_expr(opendsr_request::Column::CancelledAt, Expr::value(ctx.now()))
        .filter(opendsr_request::Column::SubjectRequestId.eq(id))
        .exec(tx.conn())
        .await?;
    // Said here, whatever becomes of the request: under this name it is over.
    callbacks::tell(&tx, ctx, &row, "cancelled").await?;
    // What the person asked for themselves, or under another name, is not this name's to take back.
    let others = tx
        .find::<opendsr_request::Entity>()
        .filter(opendsr_request::Column::RequestId.eq(request.id))
        .filter(opendsr_request::Column::CancelledAt.is_null())
        .limit(1)
        .one(tx.conn())
        .await?;
    if others.is_none() && request.origin == RequestOrigin::Opendsr {
        requests::withdraw(&tx, ctx, request.id, None).await?;
    }
    let tenant = tx.tenant();
    tx.save().await?;
    Ok(json!({
        "controller_id": tenant,
        "subject_request_id": id,
        "received_time": stamp(ctx.now()),
        "api_version": VERSION,
    }))
}

/// All names of a request lead to another one from now on.
pub(crate) async fn lead_to(tx: &TenantTx, from: RequestId, to: RequestId) -> Result<()> {
    tx.update_many::<opendsr_request::Entity>()
        .col_expr(opendsr_request::Column::RequestId, Expr::value(to))
        .filter(opendsr_request::Column::RequestId.eq(from))
        .exec(tx.conn())
        .await?;
    Ok(())
}

async fn find(tx: &TenantTx, id: Uuid) -> Result<Option<opendsr_request::Model>> {
    Ok(tx
        .find::<opendsr_request::Entity>()
        .filter(opendsr_request::Column::SubjectRequestId.eq(id))
        .one(tx.conn())
        .await?)
}

/// The one person whom all identities name that name anybody.
async fn person(
    tx: &TenantTx,
    ctx: &Ctx,
    demand: &Demand,
) -> std::result::Result<Option<subject::Model>, Refusal> {
    let mut found: Vec<subject::Model> = Vec::new();
    for external in &demand.customer_ids {
        found.extend(subjects::by_external_id(tx, ctx, external).await?);
    }
    // An address may lead to several records: then the controller's own id says which is meant.
    if let Some(email) = demand.email.as_ref().filter(|_| found.is_empty()) {
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        let index = subjects::email_index(&keys, email).to_vec();
        let rows = tx
            .find::<subject::Entity>()
            .filter(subject::Column::EmailIndex.eq(index))
            .limit(2)
            .all(tx.conn())
            .await?;
        found.extend(rows);
    }
    found.dedup_by_key(|row| row.id);
    if found.len() > 1 {
        return Err(Refusal::one(
            "identity",
            "the identities name more than one person; send one request for each, by controller_customer_id",
        ));
    }
    Ok(found.pop())
}

/// A request's state in the words of the specification.
fn state_word(state: RequestState) -> &'static str {
    match state {
        RequestState::Received | RequestState::Verified | RequestState::Approval => "pending",
        RequestState::InProgress => "in_progress",
        RequestState::Completed => "completed",
        RequestState::Refused | RequestState::Withdrawn | RequestState::Expired => "cancelled",
    }
}

fn word(row: &opendsr_request::Model, request: &request::Model) -> &'static str {
    if row.cancelled_at.is_some() {
        return "cancelled";
    }
    state_word(request.state)
}

/// What a status answer and a callback have in common.
fn told(
    ctx: &Ctx,
    tenant: TenantId,
    row: &opendsr_request::Model,
    request: &request::Model,
) -> Result<Value> {
    let mut told = json!({
        "controller_id": tenant,
        "expected_completion_time": stamp(request.due_at),
        "subject_request_id": row.subject_request_id,
        "request_status": word(row, request),
        "api_version": VERSION,
    });
    if request.state == RequestState::Completed {
        let outcome = Outcome::of(request)?.unwrap_or_default();
        told["results_count"] = json!(outcome.messages + outcome.connections + outcome.consents);
        if matches!(request.kind, RequestKind::Access | RequestKind::Portability)
            && request.export_id.is_some()
        {
            let base = ctx.settings.base();
            told["results_url"] = json!(format!("{base}/api/v1/requests/{}/export", request.id));
        }
    }
    Ok(told)
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
