//! Requests as they come in and go out.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{
    Ctx,
    error::{Error, Result as DomainResult},
    exports,
    requests::{self, Agent, Correction, Details, Letter, Outcome},
    tenancy::TenantTx,
};
use entity::{
    id::{PurposeId, RequestId, RequestMessageId, SubjectId},
    request::{self, RequestKind, RequestOrigin, RequestState},
    request_event::{self, RequestStep},
};
use poem_openapi::Object;
use serde::Deserialize;

/// A request that you make on a person's behalf. Name the person in one of the two ways.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestIn {
    pub(super) kind: RequestKind,
    /// Your own id for the person.
    pub(super) subject: Option<String>,
    pub(super) subject_id: Option<SubjectId>,
    /// How it came in, for the record.
    pub(super) note: Option<String>,
    /// Whether the person gets mails about it, when their address is known. Default true.
    pub(super) notify: Option<bool>,
    /// BCP 47, what the person is written to in; your tenant's language when absent.
    pub(super) language: Option<String>,
    pub(super) details: Option<RequestDetails>,
}

/// What is asked for beyond the kind.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
#[serde(deny_unknown_fields)]
pub struct RequestDetails {
    /// Reasons in the person's words; for a rectification, a statement that supplements the data (Art. 16).
    text: Option<String>,
    /// What a rectification corrects.
    corrections: Option<Vec<RequestCorrection>>,
    /// What an objection is against: purposes that rest on a public task or on legitimate interests.
    purpose_ids: Option<Vec<PurposeId>>,
    /// Why a restriction is wanted: `accuracy`, `unlawful`, `legal_claims` or `objection` (Art. 18(1)).
    ground: Option<String>,
    /// Who asks in the person's name. They hear of it as the person does; the data go to the person alone.
    agent: Option<RequestAgent>,
}

/// Something to be corrected.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestCorrection {
    /// `email`, or the slug of a data type.
    field: String,
    /// What it should be.
    value: String,
}

/// Somebody whom the person authorised.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestAgent {
    name: String,
    email: String,
    /// How they showed that they may: a power of attorney, a signed permission.
    authority: String,
}

impl From<RequestDetails> for Details {
    fn from(input: RequestDetails) -> Self {
        Self {
            text: input.text,
            corrections: input
                .corrections
                .unwrap_or_default()
                .into_iter()
                .map(|one| Correction {
                    field: one.field,
                    value: one.value,
                })
                .collect(),
            purposes: input.purpose_ids.unwrap_or_default(),
            ground: input.ground,
            agent: input.agent.map(|agent| Agent {
                name: agent.name,
                email: agent.email,
                authority: agent.authority,
            }),
            hashed: Vec::new(),
        }
    }
}

impl From<Details> for RequestDetails {
    fn from(details: Details) -> Self {
        let some = |purposes: Vec<PurposeId>| (!purposes.is_empty()).then_some(purposes);
        let corrections: Vec<_> = details
            .corrections
            .into_iter()
            .map(|one| RequestCorrection {
                field: one.field,
                value: one.value,
            })
            .collect();
        Self {
            text: details.text,
            corrections: (!corrections.is_empty()).then_some(corrections),
            purpose_ids: some(details.purposes),
            ground: details.ground,
            agent: details.agent.map(|agent| RequestAgent {
                name: agent.name,
                email: agent.email,
                authority: agent.authority,
            }),
        }
    }
}

/// That a restriction or an objection ends.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftingIn {
    /// In your words, for the person: why.
    pub(super) text: String,
    /// When; in seven days when absent. The person is told now.
    pub(super) at: Option<DateTime<Utc>>,
    /// That you told the person by other means, because there is no address here.
    pub(super) told_otherwise: Option<bool>,
}

/// What somebody writes about a request.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMessageIn {
    pub(crate) text: String,
}

/// What was written about a request, by you or by the person.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RequestMessage {
    id: RequestMessageId,
    at: DateTime<Utc>,
    /// `subject`, `member:<id>` or `api_key:<id>`; the person sees `member`.
    author: String,
    text: String,
    /// When the other side first saw it.
    seen_at: Option<DateTime<Utc>>,
}

impl RequestMessage {
    pub(crate) fn new(letter: Letter, told: Told<'_>) -> Self {
        let author = match (told, letter.row.author.split_once(':')) {
            (Told::Person(_), Some((kind, _))) => kind.to_owned(),
            _ => letter.row.author,
        };
        Self {
            id: letter.row.id,
            at: letter.row.at,
            author,
            text: letter.text,
            seen_at: letter.row.seen_at,
        }
    }
}

/// How far the work on a request has come.
#[derive(Clone, Debug, Object)]
pub struct RequestProgress {
    /// Messages done.
    messages: u64,
    /// Messages in all.
    of: u64,
}

/// Why a request is refused.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalIn {
    /// One of `manifestly_unfounded`, `manifestly_excessive`, `identity_not_verified`, `information_required`; against
    /// access `rights_of_others`; against portability `rights_of_others_portability`; against rectification
    /// `data_accurate`; against restriction `no_ground`; against objection `compelling_grounds`; against erasure `freedom_of_expression`, `legal_obligation`, `public_interest`,
    /// `official_authority`, `public_health`, `archiving`, `legal_claims`.
    pub(super) code: String,
    /// In your words, for the person: it is mailed to them.
    pub(super) text: String,
}

/// A data subject's request and where it stands.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Request {
    id: RequestId,
    kind: RequestKind,
    state: RequestState,
    origin: RequestOrigin,
    /// Whose it is, until they are erased.
    subject_id: Option<SubjectId>,
    /// Where it is answered to, until that is done.
    email: Option<String>,
    received_at: DateTime<Utc>,
    /// When it must be answered by law.
    due_at: DateTime<Utc>,
    /// The law, by the key of its profile.
    jurisdiction: String,
    /// Whether that time is over and there is no answer yet.
    overdue: bool,
    /// By when you must confirm that it has arrived, where the law says so.
    acknowledge_by: Option<DateTime<Utc>>,
    /// When that was confirmed.
    acknowledged_at: Option<DateTime<Utc>>,
    /// When the person was told that it takes longer.
    extended_at: Option<DateTime<Utc>>,
    /// Why: `complexity` or `number_of_requests`.
    extension_reason: Option<String>,
    /// Since when the clock stands still, while it does.
    paused_at: Option<DateTime<Utc>>,
    /// What for: `identity` or `clarification`.
    pause_reason: Option<String>,
    verified_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    refusal: Option<Refusal>,
    /// What was done, counted.
    result: Option<RequestResult>,
    /// The package, while it can be downloaded.
    export: Option<ExportOut>,
    /// Where the receipt is that proves offline how it ended.
    receipt_url: Option<String>,
    /// BCP 47, what the person is written to in, where that is not your tenant's language: what the privacy page was read in.
    language: Option<String>,
    /// What is asked for beyond the kind, until the person is erased.
    details: Option<RequestDetails>,
    /// The request of this kind that was answered to the same person not long before.
    repeats: Option<RequestId>,
    /// Who approved it first, where two must.
    approved_by: Option<String>,
    /// When the restriction or objection ends, once the person was told.
    lift_at: Option<DateTime<Utc>>,
    /// When it ended.
    lifted_at: Option<DateTime<Utc>>,
    /// How far the work has come, while it goes on.
    progress: Option<RequestProgress>,
    /// Its steps, oldest first.
    events: Vec<RequestEvent>,
    pub(crate) version: i32,
}

/// Why a request was refused; of one that is completed: why a part of it was.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Refusal {
    code: String,
    /// The words the person got, until they are erased.
    text: Option<String>,
}

/// That the answer takes longer.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionIn {
    /// `complexity` or `number_of_requests`.
    pub(super) reason: String,
    /// In your words, for the person: it is mailed to them.
    pub(super) text: String,
}

/// What the person must do before the request can go on.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseIn {
    /// `identity`: prove who they are; `clarification`: say what they mean.
    pub(super) reason: String,
    /// In your words, for the person: it is mailed to them.
    pub(super) text: String,
}

/// What was done, counted.
#[derive(Clone, Debug, Object)]
pub struct RequestResult {
    messages: u64,
    connections: u64,
    consents: u64,
    keys: u64,
    /// Corrections made.
    corrections: u64,
    /// Purposes no longer pursued.
    purposes: u64,
    /// Of those messages, how many a legal hold keeps a copy of until it ends; `refusal` says why.
    held: u64,
}

/// A package made for an access request.
#[derive(Clone, Debug, Object)]
pub struct ExportOut {
    /// Bytes.
    size: i64,
    /// SHA-256, in hex.
    sha256: String,
    expires_at: DateTime<Utc>,
    downloads: i32,
}

/// A step of a request.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RequestEvent {
    at: DateTime<Utc>,
    from: Option<RequestState>,
    to: RequestState,
    /// What happened, where the state stayed.
    what: Option<RequestStep>,
    /// `subject`, `member:<id>`, `api_key:<id>` or `system`.
    actor: String,
    note: Option<String>,
    /// What the person was told with it.
    words: Option<String>,
}

/// Who is told about a request.
#[derive(Clone, Copy)]
pub(crate) enum Told<'a> {
    /// The tenant.
    Tenant,
    /// The person, on the privacy page of this tenant: without what was written for the tenant's own use.
    Person(&'a str),
}

impl RequestEvent {
    fn new(row: request_event::Model, told: Told<'_>) -> Self {
        let inside = matches!(told, Told::Person(_));
        let first = row.from_state.is_none();
        Self {
            at: row.at,
            from: row.from_state,
            to: row.to_state,
            what: row.what,
            actor: match row.actor.split_once(':') {
                Some((kind, _)) if inside => kind.to_owned(),
                _ => row.actor,
            },
            note: row.note.filter(|_| !(inside && first)),
            words: row.words,
        }
    }
}

/// Requests with what belongs to them.
pub(crate) async fn shown(
    tx: &TenantTx,
    ctx: &Ctx,
    rows: Vec<request::Model>,
    told: Told<'_>,
) -> DomainResult<Vec<Request>> {
    let ids: Vec<RequestId> = rows.iter().map(|row| row.id).collect();
    let mut events: HashMap<RequestId, Vec<RequestEvent>> = HashMap::new();
    for event in requests::events(tx, &ids).await? {
        events
            .entry(event.request_id)
            .or_default()
            .push(RequestEvent::new(event, told));
    }
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let export = exports::find(tx, ctx, &row).await?;
        let result = Outcome::of(&row)?.filter(|_| row.state == RequestState::Completed);
        let mut details = Details::open(tx, ctx, &row).await?;
        // By what somebody is looked for is nothing that anybody asks for.
        details.hashed.clear();
        let overdue = requests::is_overdue(&row, ctx.now());
        let going_on = row.state == RequestState::InProgress;
        let progress = row.progress.as_ref().filter(|_| going_on);
        out.push(Request {
            details: (!details.is_empty()).then(|| details.into()),
            repeats: row.repeats,
            approved_by: row.approved_by.clone().filter(|_| matches!(told, Told::Tenant)),
            lift_at: row.lift_at,
            lifted_at: row.lifted_at,
            progress: progress.map(|progress| RequestProgress {
                messages: progress["messages"].as_u64().unwrap_or_default(),
                of: progress["of"].as_u64().unwrap_or_default(),
            }),
            email: requests::email(tx, ctx, &row).await?,
            receipt_url: row.audit_index.map(|_| match told {
                Told::Tenant => format!("/api/v1/requests/{}/receipt", row.id),
                Told::Person(slug) => format!("/api/v1/portal/{slug}/requests/{}/receipt", row.id),
            }),
            events: events.remove(&row.id).unwrap_or_default(),
            refusal: row.refusal_code.map(|code| Refusal {
                code,
                text: row.refusal_text,
            }),
            result: result.map(|done| RequestResult {
                messages: done.messages,
                connections: done.connections,
                consents: done.consents,
                keys: done.keys,
                corrections: done.corrections,
                purposes: done.purposes,
                held: done.held,
            }),
            export: export.map(|export| ExportOut {
                size: export.size,
                sha256: hex::encode(export.sha256),
                expires_at: export.expires_at,
                downloads: export.downloads,
            }),
            overdue,
            language: row.language,
            jurisdiction: row.jurisdiction,
            acknowledge_by: row.acknowledge_by,
            acknowledged_at: row.acknowledged_at,
            extended_at: row.extended_at,
            extension_reason: row.extension_reason,
            paused_at: row.paused_at,
            pause_reason: row.pause_reason,
            id: row.id,
            kind: row.kind,
            state: row.state,
            origin: row.origin,
            subject_id: row.subject_id,
            received_at: row.received_at,
            due_at: row.due_at,
            verified_at: row.verified_at,
            completed_at: row.completed_at,
            version: row.version,
        });
    }
    Ok(out)
}

/// One request with what belongs to it.
pub(crate) async fn one(
    tx: &TenantTx,
    ctx: &Ctx,
    row: request::Model,
    told: Told<'_>,
) -> DomainResult<Request> {
    shown(tx, ctx, vec![row], told)
        .await?
        .pop()
        .ok_or(Error::NotFound { what: "request" })
}
