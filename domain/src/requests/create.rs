//! Requests coming in.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{RequestId, SubjectId},
    request::{self, RequestKind, RequestOrigin, RequestState},
    request_event, subject,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, QueryFilter, QueryOrder, QuerySelect, Set,
};
use serde_json::json;

use super::{
    FulfilRequest, Reader,
    correspondence::{address_context, notify},
    decisions::{refuse, withdraw},
    details::Details,
    steps::{Changes, OPEN, amend, step},
};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    deadlines::{self, Clock},
    error::Faults,
    fields, jobs,
    opendsr::{self, Hashed, IdentifyPerson},
    portal::PortalCaller,
    subjects,
    tenancy::TenantTx,
    tenants,
};

/// A request that the tenant makes on a person's behalf. That it is the person's will is the tenant's assertion.
#[derive(Clone, Debug)]
pub struct NewForSubject {
    /// Which right.
    pub kind: RequestKind,
    /// Of whom.
    pub subject: SubjectId,
    /// Why or how it came in.
    pub note: Option<String>,
    /// Whether the person gets mails about it, when their address is known.
    pub notify: bool,
    /// What is asked for beyond the kind.
    pub details: Details,
    /// What the person is written to in, in BCP 47; none: the tenant's language.
    pub language: Option<String>,
}

/// An answered request is linked to one of its kind that comes within this time.
const REPEATED_WITHIN: TimeDelta = TimeDelta::days(180);

/// How somebody proves who they are on the privacy page.
pub(super) const VERIFIED_BY_MAIL: &str = "verified by a code or link sent to the address";

/// How a controller's system proves it, where it is believed.
const VOUCHED_FOR: &str = "the controller vouches for the person's identity";

/// Bytes of a note.
const MAX_NOTE: usize = 2_000;

/// Takes a request from the tenant.
///
/// # Errors
/// `already_open` when the person has one of this kind that waits for its answer.
pub async fn create_for_subject(tx: &TenantTx, ctx: &Ctx, new: NewForSubject) -> Result<request::Model> {
    if new.note.as_ref().is_some_and(|note| note.len() > MAX_NOTE) {
        return Err(Error::invalid(
            "/note",
            "too_long",
            format!("at most {MAX_NOTE} bytes"),
        ));
    }
    if let Some(language) = &new.language {
        let mut faults = Faults::default();
        fields::language(&mut faults, "/language", language);
        faults.finish()?;
    }
    new.details.check(tx, new.kind).await?;
    let person = locked(tx, new.subject).await?;
    let (origin, verified) = match &new.details.agent {
        None => (
            RequestOrigin::Tenant,
            "the tenant vouches for the person's identity",
        ),
        Some(_) => (
            RequestOrigin::Agent,
            "the tenant vouches for the person's identity and the agent's authority",
        ),
    };
    let address = if new.notify {
        subjects::reveal(ctx, person.clone()).await?.email
    } else {
        None
    };
    let row = Row {
        kind: new.kind,
        origin,
        subject: Some(person.id),
        email_index: person.email_index,
        address,
        note: new.note,
        details: new.details,
        language: new.language,
        law: None,
    };
    row.create(tx, ctx, Some(verified)).await
}

/// Takes a request from the privacy page. Whoever has several records under one address gets a request for each; the
/// first is answered. They are written to in `language`; none: the tenant's.
///
/// # Errors
/// `already_open` when one of this kind waits for its answer.
pub async fn create_from_portal(
    tx: &TenantTx,
    ctx: &Ctx,
    caller: &PortalCaller,
    kind: RequestKind,
    details: Details,
    language: Option<&str>,
) -> Result<request::Model> {
    details.check(tx, kind).await?;
    let mut subjects: Vec<Option<SubjectId>> = caller.subjects.iter().copied().map(Some).collect();
    if subjects.is_empty() {
        subjects.push(None);
    }
    let mut first = None;
    for subject in subjects {
        if let Some(subject) = subject {
            locked(tx, subject).await?;
        }
        let row = Row {
            kind,
            origin: RequestOrigin::Portal,
            subject,
            email_index: Some(caller.email_index.clone()),
            address: caller.email.clone(),
            note: None,
            details: details.clone(),
            language: language.map(str::to_owned),
            law: None,
        };
        let request = row.create(tx, ctx, Some(VERIFIED_BY_MAIL)).await?;
        first.get_or_insert(request);
    }
    first.ok_or(Error::NotFound { what: "person" })
}

/// A request that the tenant's own system hands on.
#[derive(Clone, Debug)]
pub(crate) struct HandedOn {
    pub(crate) kind: RequestKind,
    /// None: nobody whom the tenant named is known here.
    pub(crate) subject: Option<SubjectId>,
    /// Where the person is reached, if that was said.
    pub(crate) email: Option<String>,
    /// By which hashes it is to be looked for the person, where nobody is known by another name.
    pub(crate) hashed: Vec<Hashed>,
    /// Whether the person must confirm it first.
    pub(crate) unconfirmed: bool,
    /// The profile of deadlines.
    pub(crate) jurisdiction: String,
    /// When the person asked: the clock runs from there.
    pub(crate) asked_at: DateTime<Utc>,
    pub(crate) note: String,
}

/// Takes a request that the tenant's system hands on.
///
/// # Errors
/// `already_open` when the person has one of this kind that waits for its answer: [`open_of`] says which.
pub(crate) async fn create_handed_on(tx: &TenantTx, ctx: &Ctx, new: HandedOn) -> Result<request::Model> {
    if !new.hashed.is_empty() {
        return create_unidentified(tx, ctx, new).await;
    }
    let mut address = new.email.clone();
    let mut email_index = None;
    if let Some(email) = &new.email {
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        email_index = Some(subjects::email_index(&keys, email).to_vec());
    }
    if let Some(subject) = new.subject {
        let person = locked(tx, subject).await?;
        if new.unconfirmed {
            // Whoever asks names an address; the one on record is the person's.
            email_index.clone_from(&person.email_index);
            address = subjects::reveal(ctx, person).await?.email;
        } else {
            email_index = person.email_index.or(email_index);
        }
    }
    let row = Row {
        kind: new.kind,
        origin: RequestOrigin::Opendsr,
        subject: new.subject,
        email_index,
        address: address.filter(|_| new.unconfirmed),
        note: Some(new.note),
        details: Details::default(),
        language: None,
        law: Some((new.jurisdiction, new.asked_at)),
    };
    let verified = (!new.unconfirmed).then_some(VOUCHED_FOR);
    row.create(tx, ctx, verified).await
}

/// Takes a request of somebody who is to be found by the hash of an identity. It waits until that is done.
async fn create_unidentified(tx: &TenantTx, ctx: &Ctx, new: HandedOn) -> Result<request::Model> {
    let row = Row {
        kind: new.kind,
        origin: RequestOrigin::Opendsr,
        subject: None,
        email_index: None,
        address: None,
        note: Some(new.note),
        details: Details {
            hashed: new.hashed,
            ..Details::default()
        },
        language: None,
        law: Some((new.jurisdiction, new.asked_at)),
    };
    let request = row.create(tx, ctx, None).await?;
    let job = IdentifyPerson {
        request: request.id,
        unconfirmed: new.unconfirmed,
    };
    jobs::enqueue(tx, ctx, &job).await?;
    Ok(request)
}

/// It is known now whom a request is about: these, or nobody. It goes on, and what it was looked for by is forgotten.
pub(crate) async fn identified(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RequestId,
    found: &[SubjectId],
    unconfirmed: bool,
) -> Result<()> {
    let request = super::read(tx, id).await?;
    // Taken back meanwhile, or found by an earlier attempt.
    if request.state != RequestState::Received || request.details_sealed.is_none() {
        return Ok(());
    }
    let mut row = request::ActiveModel {
        details_sealed: Set(None),
        ..Default::default()
    };
    let person = match found {
        [] => None,
        [subject] => match locked(tx, *subject).await {
            Ok(person) => Some(person),
            // Erased meanwhile.
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        },
        _ => {
            amend(tx, id, row, Condition::all()).await?;
            let text = "The identities name more than one person; send one request for each, by controller_customer_id.";
            return refuse(tx, ctx, id, None, "identity_not_verified", text)
                .await
                .map(drop);
        }
    };
    if let Some(found) = person {
        if let Some(standing) = open_of(tx, request.kind, found.id).await? {
            // Asked for twice: both names lead to one request, and nothing is believed that was not before.
            amend(tx, id, row, Condition::all()).await?;
            opendsr::lead_to(tx, id, standing.id).await?;
            return withdraw(tx, ctx, id, None).await.map(drop);
        }
        row.subject_id = Set(Some(found.id));
        row.email_index = Set(found.email_index.clone());
        row.repeats = Set(repeated(tx, request.kind, found.id, ctx.now()).await?);
        if unconfirmed && let Some(address) = subjects::reveal(ctx, found).await?.email {
            let keys = ctx.keys.tenant(tx.tenant()).await?;
            let sealed = keys
                .tenant
                .seal_value(&address_context(id), address.as_bytes(), &*ctx.chance);
            row.email_sealed = Set(Some(sealed));
        }
    }
    amend(tx, id, row, Condition::all()).await?;
    let request = super::read(tx, id).await?;
    if unconfirmed {
        // To nobody, where nobody was found: then it expires like every request that nobody confirms.
        return notify(tx, ctx, &request, "request_confirm", json!({}))
            .await
            .map(drop);
    }
    verify(tx, ctx, &request, VOUCHED_FOR).await.map(drop)
}

/// The request of this kind that a person has and that waits for its answer.
pub(crate) async fn open_of(
    tx: &TenantTx,
    kind: RequestKind,
    subject: SubjectId,
) -> Result<Option<request::Model>> {
    Ok(tx
        .find::<request::Entity>()
        .filter(request::Column::Kind.eq(kind))
        .filter(request::Column::State.is_in(OPEN))
        .filter(request::Column::SubjectId.eq(subject))
        .one(tx.conn())
        .await?)
}

/// Whoever reads the mail of this address has shown that: their requests that waited for it go on.
pub(crate) async fn verify_waiting(tx: &TenantTx, ctx: &Ctx, email_index: &[u8]) -> Result<()> {
    let persons = subjects::by_email_index(tx, email_index).await?;
    let reader = Reader {
        subjects: persons.into_iter().map(|person| person.id).collect(),
        email_index: email_index.to_vec(),
    };
    let waiting = tx
        .find::<request::Entity>()
        .filter(request::Column::State.eq(RequestState::Received))
        .filter(reader.condition())
        .limit(100)
        .all(tx.conn())
        .await?;
    for request in waiting {
        verify(tx, ctx, &request, VERIFIED_BY_MAIL).await?;
    }
    Ok(())
}

/// From here on it is the person's, and is carried out.
async fn verify(tx: &TenantTx, ctx: &Ctx, request: &request::Model, how: &str) -> Result<request::Model> {
    let changes = Changes {
        note: Some(how.to_owned()),
        ..Changes::default()
    };
    let verified = step(tx, ctx, request, RequestState::Verified, changes).await?;
    jobs::enqueue(tx, ctx, &FulfilRequest { request: request.id }).await?;
    notify(tx, ctx, &verified, "request_received", json!({})).await?;
    Ok(verified)
}

/// The person's row, locked where the engine has row locks, so that two requests at once see each other.
async fn locked(tx: &TenantTx, subject: SubjectId) -> Result<subject::Model> {
    let mut find = tx.find_by_id::<subject::Entity, _>(subject);
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        find = find.lock_exclusive();
    }
    find.one(tx.conn())
        .await?
        .ok_or(Error::NotFound { what: "subject" })
}

/// The last request of this kind that was answered to the person not long before: whoever decides should see it.
async fn repeated(
    tx: &TenantTx,
    kind: RequestKind,
    subject: SubjectId,
    now: DateTime<Utc>,
) -> Result<Option<RequestId>> {
    use request::Column;
    let answered = tx
        .find::<request::Entity>()
        .filter(Column::Kind.eq(kind))
        .filter(Column::SubjectId.eq(subject))
        .filter(Column::State.is_in([RequestState::Completed, RequestState::Refused]))
        .filter(Column::CompletedAt.gt(now - REPEATED_WITHIN))
        .order_by_desc(Column::CompletedAt)
        .one(tx.conn())
        .await?;
    Ok(answered.map(|request| request.id))
}

struct Row {
    kind: RequestKind,
    origin: RequestOrigin,
    subject: Option<SubjectId>,
    email_index: Option<Vec<u8>>,
    address: Option<String>,
    note: Option<String>,
    details: Details,
    language: Option<String>,
    /// The profile, and since when the clock runs; none: the tenant's, and now.
    law: Option<(String, DateTime<Utc>)>,
}

impl Row {
    async fn create(self, tx: &TenantTx, ctx: &Ctx, verified: Option<&str>) -> Result<request::Model> {
        self.refuse_second(tx).await?;
        let tenant = tenants::read(tx).await?;
        let id: RequestId = ctx.ids.next();
        let sealed = match &self.address {
            Some(address) => {
                let keys = ctx.keys.tenant(tx.tenant()).await?;
                Some(
                    keys.tenant
                        .seal_value(&address_context(id), address.as_bytes(), &*ctx.chance),
                )
            }
            None => None,
        };
        let now = ctx.now();
        let repeats = match self.subject {
            Some(subject) => repeated(tx, self.kind, subject, now).await?,
            None => None,
        };
        let (jurisdiction, received_at) = self.law.clone().unwrap_or((tenant.jurisdiction.clone(), now));
        let law = deadlines::profile_or_default(&jurisdiction);
        let calendar = deadlines::calendar(&tenant);
        let request = tx
            .insert(request::ActiveModel {
                id: Set(id),
                kind: Set(self.kind),
                state: Set(RequestState::Received),
                origin: Set(self.origin),
                subject_id: Set(self.subject),
                email_index: Set(self.email_index),
                email_sealed: Set(sealed),
                received_at: Set(received_at),
                due_at: Set(law.due_at(&Clock::new(received_at), self.kind, &calendar)),
                verified_at: Set(None),
                completed_at: Set(None),
                refusal_code: Set(None),
                refusal_text: Set(None),
                result: Set(None),
                export_id: Set(None),
                audit_index: Set(None),
                jurisdiction: Set(law.key.clone()),
                acknowledge_by: Set(law.acknowledge_by(received_at, &calendar)),
                // The mail that confirms it is written in this transaction; a controller's system gets a signed answer.
                acknowledged_at: Set(
                    (self.address.is_some() || self.origin == RequestOrigin::Opendsr).then_some(now)
                ),
                extended_at: Set(None),
                extension_reason: Set(None),
                paused_at: Set(None),
                pause_reason: Set(None),
                paused_seconds: Set(0),
                details_sealed: Set(self.details.seal(tx, ctx, id).await?),
                repeats: Set(repeats),
                approved_by: Set(None),
                lift_at: Set(None),
                lifted_at: Set(None),
                progress: Set(None),
                language: Set(self.language),
                version: Set(1),
                ..Default::default()
            })
            .await?;
        tx.insert(request_event::ActiveModel {
            id: Set(ctx.ids.next()),
            request_id: Set(id),
            at: Set(now),
            from_state: Set(None),
            to_state: Set(RequestState::Received),
            actor: Set(tx.actor().to_string()),
            note: Set(self.note),
            ..Default::default()
        })
        .await?;
        let mut event = Event::new("request.received")
            .target("request", id)
            .facts(json!({ "kind": self.kind, "origin": self.origin, "due_at": request.due_at }));
        if let Some(subject) = self.subject {
            event = event.subject(subject);
        }
        audit::record(tx, ctx, event).await?;
        if let Some(how) = verified {
            return verify(tx, ctx, &request, how).await;
        }
        notify(tx, ctx, &request, "request_confirm", json!({})).await?;
        Ok(request)
    }

    async fn refuse_second(&self, tx: &TenantTx) -> Result<()> {
        use request::Column;
        let mut open = tx
            .find::<request::Entity>()
            .filter(Column::Kind.eq(self.kind))
            .filter(Column::State.is_in(OPEN));
        open = match (self.subject, &self.email_index) {
            (Some(subject), _) => open.filter(Column::SubjectId.eq(subject)),
            (None, Some(index)) => open
                .filter(Column::SubjectId.is_null())
                .filter(Column::EmailIndex.eq(index.clone())),
            (None, None) => return Ok(()),
        };
        match open.one(tx.conn()).await? {
            Some(there) => Err(Error::conflict(
                "already_open",
                format!("the request {} of this kind is not answered yet", there.id),
            )),
            None => Ok(()),
        }
    }
}
