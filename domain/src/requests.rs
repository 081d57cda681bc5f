//! Requests of data subjects: how they come in, how they move on, how they end.
//!
//! A request is made by the person on the privacy page, or by the tenant on the person's behalf. A job carries it out
//! ([`FulfilRequest`]); [`crate::exports`], [`crate::erasure`] and `rights` say how. Every step is recorded, and so is every
//! decision in the audit log.

mod approvals;
mod clock;
mod correspondence;
mod create;
mod decisions;
mod details;
mod letters;
mod lifting;
mod reminders;
mod rights;
mod steps;
#[cfg(test)]
mod tests;

pub mod refusals;

use chrono::{DateTime, Utc};
use entity::{
    id::{RequestId, SubjectId},
    request::{self, RequestKind, RequestState},
    request_event,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    ctx::Ctx,
    jobs::Job,
    log,
    page::{self, Page, PageIn},
    tenancy::{TenantScope, TenantTx},
};

pub use approvals::Doubt;
pub use clock::{EXTENSIONS, acknowledge, extend, pause, profile, resume};
pub(crate) use correspondence::{address_context, notify, open_address, readdress};
pub(crate) use create::{HandedOn, create_handed_on, identified, open_of, verify_waiting};
pub use create::{NewForSubject, create_for_subject, create_from_portal};
pub use decisions::{approve, expire_stale, refuse, withdraw};
pub(crate) use details::context as details_context;
pub use details::{Agent, Correction, Details, GROUNDS};
pub(crate) use letters::context as message_context;
pub use letters::{Letter, list as letters, seen as letters_seen, write as write_letter};
pub(crate) use lifting::standing as restriction_stands;
pub use lifting::{Lifting, NOTICE, announce as announce_lifting, lift_due};
pub use reminders::remind;
pub use rights::{Applied, Corrected, apply, complete, corrections_of};
pub(crate) use steps::{Changes, remark, step};
pub use steps::{OPEN, may_follow};

/// Carries a request out: makes the export, or erases.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FulfilRequest {
    /// Which.
    pub request: RequestId,
}

impl Job for FulfilRequest {
    const KIND: &'static str = "fulfil_request";
    // More than others: giving up would let a deadline pass.
    const ATTEMPTS: i32 = 30;
}

/// What was done, counted. Stored with the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Messages exported or erased.
    pub messages: u64,
    /// Connection records exported, or no longer linked to the person.
    pub connections: u64,
    /// Consent events exported or erased.
    pub consents: u64,
    /// Keys destroyed.
    pub keys: u64,
    /// Corrections made.
    pub corrections: u64,
    /// Purposes no longer pursued.
    pub purposes: u64,
    /// Messages, among those erased, of which a legal hold keeps a copy until it ends.
    pub held: u64,
}

impl Outcome {
    /// What a request says was done, if something was.
    pub fn of(request: &request::Model) -> Result<Option<Self>> {
        Ok(request.result.clone().map(serde_json::from_value).transpose()?)
    }
}

/// Which requests.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<RequestKind>,
    /// Only in this state.
    pub state: Option<RequestState>,
    /// Only open ones whose deadline has passed; or only the others.
    pub overdue: Option<bool>,
    /// Only of this person.
    pub subject: Option<SubjectId>,
    /// Only of somebody who reads the mail of an address.
    pub of: Option<Reader>,
}

/// Somebody who reads the mail of an address: what is asked about a person is theirs while it is that person's address, and
/// what is asked about nobody whom the tenant knows is theirs by the address alone. Whoever has somebody's old address gets nothing
/// of theirs.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The persons with this address.
    pub subjects: Vec<SubjectId>,
    /// Its keyed hash.
    pub email_index: Vec<u8>,
}

impl Reader {
    /// Whether a request is theirs.
    pub fn has(&self, request: &request::Model) -> bool {
        match request.subject_id {
            Some(subject) => self.subjects.contains(&subject),
            None => request.email_index.as_ref() == Some(&self.email_index),
        }
    }

    /// The same, as a question to the store.
    fn condition(&self) -> Condition {
        use request::Column;
        let by_address = Condition::all()
            .add(Column::SubjectId.is_null())
            .add(Column::EmailIndex.eq(self.email_index.clone()));
        Condition::any()
            .add(Column::SubjectId.is_in(self.subjects.iter().copied()))
            .add(by_address)
    }
}

/// Lists requests, newest first.
pub async fn list(tx: &TenantTx, ctx: &Ctx, filter: &Filter, page: &PageIn) -> Result<Page<request::Model>> {
    use request::Column;
    let mut rows = tx.find::<request::Entity>();
    if let Some(kind) = filter.kind {
        rows = rows.filter(Column::Kind.eq(kind));
    }
    if let Some(state) = filter.state {
        rows = rows.filter(Column::State.eq(state));
    }
    if let Some(subject) = filter.subject {
        rows = rows.filter(Column::SubjectId.eq(subject));
    }
    if let Some(reader) = &filter.of {
        rows = rows.filter(reader.condition());
    }
    let overdue = Condition::all()
        .add(Column::State.is_in(OPEN))
        .add(Column::PausedAt.is_null())
        .add(Column::DueAt.lt(ctx.now()));
    match filter.overdue {
        Some(true) => rows = rows.filter(overdue),
        Some(false) => rows = rows.filter(overdue.not()),
        None => {}
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |request| request.id.0).await
}

/// Begins to carry a verified request out, or has it wait for a decision. Answers the request as it is then: to be
/// carried out when it is in progress, and left alone otherwise.
pub async fn begin(ctx: &Ctx, scope: &TenantScope, id: RequestId) -> Result<request::Model> {
    let tx = ctx.store.begin(scope).await?;
    let request = read(&tx, id).await?;
    let request = approvals::begin(&tx, ctx, request).await?;
    tx.save().await?;
    Ok(request)
}

/// Reads one request.
pub async fn read(tx: &TenantTx, id: RequestId) -> Result<request::Model> {
    tx.get::<request::Entity, _>(id, "request").await
}

/// The steps of requests, oldest first.
pub async fn events(tx: &TenantTx, ids: &[RequestId]) -> Result<Vec<request_event::Model>> {
    Ok(tx
        .find::<request_event::Entity>()
        .filter(request_event::Column::RequestId.is_in(ids.iter().copied()))
        .order_by_asc(request_event::Column::Id)
        .all(tx.conn())
        .await?)
}

/// The address the request is answered to, while it is kept.
pub async fn email(tx: &TenantTx, ctx: &Ctx, request: &request::Model) -> Result<Option<String>> {
    open_address(tx, ctx, request).await
}

/// Whether the deadline has passed without an answer.
pub fn is_overdue(request: &request::Model, now: DateTime<Utc>) -> bool {
    OPEN.contains(&request.state) && request.paused_at.is_none() && request.due_at < now
}

/// Proves offline how the request ended.
pub async fn receipt(ctx: &Ctx, scope: &TenantScope, request: &request::Model) -> Result<String> {
    let index = request.audit_index.ok_or_else(|| {
        Error::conflict(
            "wrong_state",
            "there is a receipt once the request has been answered",
        )
    })?;
    log::receipt(ctx, scope, index).await
}
