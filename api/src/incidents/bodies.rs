//! What goes in and out of the register of incidents.

use chrono::{DateTime, Utc};
use domain::incidents::{self, AffectedSubject, IncidentPatch, NewIncident};
use entity::{
    id::{EndpointId, IncidentId, IncidentNoticeId, JobId, PurposeId, SubjectId},
    incident::{self, Exemption, Exposure, IncidentState, Risk, ScopeStep},
    incident_notice,
    mail::MailState,
};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::Deserialize;
use serde_json::Value;

/// An incident to be entered.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentIn {
    title: String,
    /// What happened.
    facts: String,
    /// One or more of `confidentiality`, `integrity`, `availability`.
    nature: Vec<String>,
    /// What got out.
    exposure: Exposure,
    /// What it means for the persons. Default `unknown`, which counts as a risk.
    risk: Option<Risk>,
    /// Where. Default everywhere.
    #[serde(default)]
    #[oai(default)]
    endpoint_ids: Vec<EndpointId>,
    started_at: DateTime<Utc>,
    /// Absent while it goes on.
    ended_at: Option<DateTime<Utc>>,
    /// When you became aware: the clock of 72 hours begins. Default now.
    aware_at: Option<DateTime<Utc>>,
}

impl From<IncidentIn> for NewIncident {
    fn from(input: IncidentIn) -> Self {
        Self {
            title: input.title,
            facts: input.facts,
            nature: input.nature,
            exposure: input.exposure,
            risk: input.risk.unwrap_or(Risk::Unknown),
            endpoint_ids: input.endpoint_ids,
            started_at: input.started_at,
            ended_at: input.ended_at,
            aware_at: input.aware_at,
        }
    }
}

/// Changes to an incident. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentPatchIn {
    title: Option<String>,
    facts: Option<String>,
    nature: Option<Vec<String>>,
    exposure: Option<Exposure>,
    risk: Option<Risk>,
    endpoint_ids: Option<Vec<EndpointId>>,
    started_at: Option<DateTime<Utc>>,
    #[serde(default)]
    ended_at: MaybeUndefined<DateTime<Utc>>,
    /// Likely consequences.
    #[serde(default)]
    effects: MaybeUndefined<String>,
    /// Taken or proposed.
    #[serde(default)]
    measures: MaybeUndefined<String>,
    /// What is done differently from now on.
    #[serde(default)]
    lessons: MaybeUndefined<String>,
    /// Why persons need not be told (Art. 34(3)).
    #[serde(default)]
    exemption: MaybeUndefined<Exemption>,
    /// Closing needs lessons, a decided risk and, unless a risk is unlikely, a notice to the authority.
    state: Option<IncidentState>,
}

impl From<IncidentPatchIn> for IncidentPatch {
    fn from(input: IncidentPatchIn) -> Self {
        Self {
            title: input.title,
            facts: input.facts,
            nature: input.nature,
            exposure: input.exposure,
            risk: input.risk,
            endpoint_ids: input.endpoint_ids,
            started_at: input.started_at,
            ended_at: input.ended_at.into(),
            effects: input.effects.into(),
            measures: input.measures.into(),
            lessons: input.lessons.into(),
            exemption: input.exemption.into(),
            state: input.state,
        }
    }
}

/// Whom an incident touched, as the records say it.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "IncidentScope")]
pub struct ScopeOut {
    /// Absent where a copy of the store got out: it holds all that was stored.
    from: Option<DateTime<Utc>>,
    to: DateTime<Utc>,
    /// Persons whom recorded messages are about, or who were connected.
    subjects: u64,
    /// Recorded messages about persons.
    records: u64,
    /// Recorded messages about nobody in particular.
    unattributed_records: u64,
    /// Persons of whom nobody can read anything.
    unintelligible_subjects: u64,
    /// Messages that nobody can read (Art. 34(3)(a)).
    unintelligible_records: u64,
    /// Of those: whoever has them has no keys.
    sealed_records: u64,
    /// Of those: their keys had been destroyed before it began.
    shredded_records: u64,
    /// Connections that were open.
    connections: u64,
    /// Persons who were connected.
    connected_subjects: u64,
    /// Messages that went out on these connections, over their whole life.
    deliveries: u64,
    categories: Vec<CategoryOut>,
}

/// Messages of one kind.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "IncidentCategory")]
pub struct CategoryOut {
    endpoint_id: EndpointId,
    purpose_id: Option<PurposeId>,
    /// Kinds of data found in them, by slug.
    data_types: Vec<String>,
    /// Persons whom they are about.
    subjects: u64,
    records: u64,
}

impl From<incidents::Scope> for ScopeOut {
    fn from(found: incidents::Scope) -> Self {
        let category = |category: incidents::Category| CategoryOut {
            endpoint_id: category.endpoint,
            purpose_id: category.purpose,
            data_types: category.slugs,
            subjects: category.subjects,
            records: category.records,
        };
        Self {
            unintelligible_records: found.unintelligible_records(),
            from: found.from,
            to: found.to,
            subjects: found.subjects,
            records: found.records,
            unattributed_records: found.unattributed_records,
            unintelligible_subjects: found.unintelligible_subjects,
            sealed_records: found.sealed_records,
            shredded_records: found.shredded_records,
            connections: found.connections,
            connected_subjects: found.connected_subjects,
            deliveries: found.deliveries,
            categories: found.categories.into_iter().map(category).collect(),
        }
    }
}

/// How far computing the scope has come.
#[derive(Clone, Debug, Object)]
pub struct IncidentScoping {
    /// The job that does it: `/jobs/{job_id}` says whether it had to be tried again.
    job_id: JobId,
    step: ScopeStep,
    /// Kinds of messages counted, or persons noted.
    done: i64,
    /// Of so many.
    total: i64,
}

impl IncidentScoping {
    fn of(row: &incident::Model) -> Option<Self> {
        Some(Self {
            job_id: row.scope_job_id?,
            step: row.scope_step?,
            done: row.scope_done,
            total: row.scope_total,
        })
    }
}

/// A personal-data breach.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Incident {
    id: IncidentId,
    title: String,
    state: IncidentState,
    nature: Vec<String>,
    exposure: Exposure,
    risk: Risk,
    facts: String,
    effects: Option<String>,
    measures: Option<String>,
    lessons: Option<String>,
    exemption: Option<Exemption>,
    endpoint_ids: Vec<EndpointId>,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    aware_at: DateTime<Utc>,
    /// 72 hours after that.
    due_at: DateTime<Utc>,
    /// When the authority was told first.
    notified_at: Option<DateTime<Utc>>,
    /// Whether that was, or would be now, after 72 hours.
    late: bool,
    late_reason: Option<String>,
    scope: Option<ScopeOut>,
    scoped_at: Option<DateTime<Utc>>,
    /// Whether exposure, time or endpoints have changed since the scope was computed: it says nothing about the incident then, and
    /// neither the form nor mails go by it.
    scope_is_stale: bool,
    /// Present while its scope is being computed.
    scoping: Option<IncidentScoping>,
    closed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

impl Incident {
    /// `now`: the clock may be over.
    pub(super) fn new(row: incident::Model, now: DateTime<Utc>) -> domain::Result<Self> {
        let found = incidents::Scope::last(&row)?;
        Ok(Self {
            scope_is_stale: match &found {
                Some(found) => found.is_stale(&row)?,
                None => false,
            },
            scoping: IncidentScoping::of(&row),
            due_at: incidents::due_at(&row),
            late: incidents::is_late(&row, row.notified_at.unwrap_or(now)),
            endpoint_ids: incidents::endpoints_of(&row)?,
            nature: serde_json::from_value(row.nature)?,
            id: row.id,
            title: row.title,
            state: row.state,
            exposure: row.exposure,
            risk: row.risk,
            facts: row.facts,
            effects: row.effects,
            measures: row.measures,
            lessons: row.lessons,
            exemption: row.exemption,
            started_at: row.started_at,
            ended_at: row.ended_at,
            aware_at: row.aware_at,
            notified_at: row.notified_at,
            late_reason: row.late_reason,
            scope: found.map(ScopeOut::from),
            scoped_at: row.scoped_at,
            closed_at: row.closed_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

/// That the authority is told.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentNoticeIn {
    /// The authority's reference, the way it was sent.
    pub(super) note: Option<String>,
    /// Why it comes after 72 hours; needed then.
    pub(super) late_reason: Option<String>,
}

/// What the authority was told.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct IncidentNotice {
    id: IncidentNoticeId,
    /// From 1.
    phase: i32,
    /// The form as it was filled in then (Art. 33(3)).
    form: Value,
    note: Option<String>,
    sent_at: DateTime<Utc>,
    /// Where the receipt is that proves when this was said.
    receipt_url: String,
}

impl From<incident_notice::Model> for IncidentNotice {
    fn from(row: incident_notice::Model) -> Self {
        Self {
            receipt_url: format!("/api/v1/log/{}/receipt", row.audit_index),
            id: row.id,
            phase: row.phase,
            form: row.form,
            note: row.note,
            sent_at: row.sent_at,
        }
    }
}

/// What to tell the persons.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentMailIn {
    /// In plain words: what happened, and what they can do.
    pub(super) message: String,
    /// Also those of whom nobody can read anything (Art. 34(3)(a)). Default no.
    pub(super) everybody: Option<bool>,
}

/// How far telling the persons has come.
#[derive(Clone, Debug, Object)]
pub struct IncidentMails {
    /// Persons whom the scope found.
    affected: u64,
    /// Of those: nobody can read anything of theirs.
    unintelligible: u64,
    /// A mail to them waits.
    queued: u64,
    sent: u64,
    failed: u64,
    /// No address of theirs is known.
    unreachable: u64,
}

impl From<incidents::Told> for IncidentMails {
    fn from(told: incidents::Told) -> Self {
        Self {
            affected: told.affected,
            unintelligible: told.unintelligible,
            queued: told.queued,
            sent: told.sent,
            failed: told.failed,
            unreachable: told.unreachable,
        }
    }
}

/// Somebody whom an incident touched.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct IncidentSubject {
    subject_id: SubjectId,
    /// Messages about them.
    records: i64,
    /// Connections of theirs.
    connections: i64,
    /// Whether nobody can read any of these messages.
    unintelligible: bool,
    /// Whether a mail to them was written.
    told: bool,
    /// How that mail stands; absent when it was sent more than a month ago.
    mail_state: Option<MailState>,
    /// They were to be told, and no address of theirs is known.
    unreachable: bool,
}

impl From<AffectedSubject> for IncidentSubject {
    fn from(affected: AffectedSubject) -> Self {
        Self {
            subject_id: affected.row.subject_id,
            records: affected.row.records,
            connections: affected.row.connections,
            unintelligible: affected.row.unintelligible,
            told: affected.row.mail_id.is_some(),
            mail_state: affected.mail,
            unreachable: affected.row.unreachable,
        }
    }
}
