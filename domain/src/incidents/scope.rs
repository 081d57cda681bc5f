//! Whom an incident touched, as the records say it: messages in the journal, and connections. A job, since it may look at
//! millions of rows: it says how far it has come, and what it found stays with the incident.

mod count;
mod keep;
mod unintelligible;

use chrono::{DateTime, Utc};
use entity::{
    id::{DataTypeId, EndpointId, IncidentId, JobId, PurposeId, SubjectId},
    incident::{self, Exposure, IncidentState, ScopeStep},
    job::JobState,
};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use count::compute;

use super::{endpoints_of, read};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    jobs::{self, Job},
    tenancy::{TenantScope, TenantTx},
};

/// Look whom an incident touched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScopeIncident {
    /// Which.
    pub incident: IncidentId,
}

impl Job for ScopeIncident {
    const KIND: &'static str = "scope_incident";
}

/// What a scope came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// What it was counted over.
    #[serde(default)]
    over: Option<Over>,
    /// From when; none: from the beginning, since a copy of the store holds what was stored.
    pub from: Option<DateTime<Utc>>,
    /// Until when; of an incident that goes on, when this was computed.
    pub to: DateTime<Utc>,
    /// Persons whom recorded messages are about, or who were connected.
    pub subjects: u64,
    /// Recorded messages about persons.
    pub records: u64,
    /// Recorded messages about nobody in particular.
    pub unattributed_records: u64,
    /// Persons of whom nobody can read anything.
    pub unintelligible_subjects: u64,
    /// Messages that nobody can read, because whoever has them has no keys.
    pub sealed_records: u64,
    /// Messages that nobody can read, because their keys had been destroyed before.
    pub shredded_records: u64,
    /// Connections that were open.
    pub connections: u64,
    /// Persons who were connected.
    pub connected_subjects: u64,
    /// Messages that went out on these connections, over their whole life.
    pub deliveries: u64,
    /// By what kind of data.
    pub categories: Vec<Category>,
}

/// What the incident said when its scope was counted. Where it says something else by now, the scope says nothing about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Over {
    exposure: Exposure,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
    endpoints: Vec<EndpointId>,
}

impl Over {
    fn of(incident: &incident::Model) -> Result<Self> {
        Ok(Self {
            exposure: incident.exposure,
            from: incident.started_at,
            to: incident.ended_at,
            endpoints: endpoints_of(incident)?,
        })
    }
}

impl Scope {
    /// What the last count came to, whatever has changed since.
    pub fn last(incident: &incident::Model) -> Result<Option<Self>> {
        Ok(incident.scope.clone().map(serde_json::from_value).transpose()?)
    }

    /// Whether it was counted over something else than what the incident says now: another way out, time or place.
    pub fn is_stale(&self, incident: &incident::Model) -> Result<bool> {
        let now = Over::of(incident)?;
        Ok(self.over.as_ref().is_some_and(|over| *over != now))
    }

    /// Messages that nobody can read.
    pub fn unintelligible_records(&self) -> u64 {
        self.sealed_records + self.shredded_records
    }
}

/// Messages of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// Where they passed.
    pub endpoint: EndpointId,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// Kinds of data found in them.
    pub data_types: Vec<DataTypeId>,
    /// The same, by slug, as they were called then.
    pub slugs: Vec<String>,
    /// Persons whom they are about.
    pub subjects: u64,
    /// How many.
    pub records: u64,
}

/// Somebody who was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Who.
    pub subject: SubjectId,
    /// Messages about them.
    pub records: u64,
    /// Connections of theirs.
    pub connections: u64,
    /// Whether nobody can read any of these messages.
    pub unintelligible: bool,
}

/// What an incident is about: what passed in its time, or, where a copy of the store got out, all that was stored then.
#[derive(Clone, Copy, Debug)]
struct Extent {
    from: Option<DateTime<Utc>>,
    to: DateTime<Utc>,
}

impl Extent {
    fn of(incident: &incident::Model, now: DateTime<Utc>) -> Self {
        Self {
            from: (incident.exposure == Exposure::Live).then_some(incident.started_at),
            to: incident.ended_at.unwrap_or(now),
        }
    }
}

/// How far the job has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What it does.
    pub step: ScopeStep,
    /// Kinds of messages, or persons, that are done.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

/// Orders the scope of an incident, unless it is being computed already.
pub async fn order_scope(
    tx: &TenantTx,
    ctx: &Ctx,
    id: IncidentId,
    expected: Option<i32>,
) -> Result<incident::Model> {
    let incident = read(tx, id).await?;
    crate::tenancy::expect_version(incident.version, expected)?;
    if incident.state == IncidentState::Closed {
        return Err(Error::conflict(
            "wrong_state",
            "the incident is closed; open it again first",
        ));
    }
    if let Some(job) = incident.scope_job_id
        && is_under_way(tx, job).await?
    {
        return Ok(incident);
    }
    if let Some(job) = incident.mail_job_id
        && is_under_way(tx, job).await?
    {
        return Err(Error::conflict(
            "mailing",
            "the mails to those whom it touched are being written; wait until that is done",
        ));
    }
    let job = jobs::enqueue(tx, ctx, &ScopeIncident { incident: id }).await?;
    let row = incident::ActiveModel {
        id: Set(id),
        scope_job_id: Set(Some(job)),
        scope_step: Set(Some(ScopeStep::Counting)),
        scope_done: Set(0),
        scope_total: Set(0),
        ..Default::default()
    };
    let row = tx.update(row).await?;
    let event = Event::new("incident.scope_ordered")
        .target("incident", id)
        .facts(json!({ "exposure": row.exposure, "from": row.started_at, "to": row.ended_at }));
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// Whether a job still has a try left.
pub(super) async fn is_under_way(tx: &TenantTx, job: JobId) -> Result<bool> {
    match jobs::read(tx, job).await {
        Ok(job) => Ok(job.state == JobState::Ready),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Computes the scope of an incident and keeps it. Can be run again.
pub async fn run_scope(ctx: &Ctx, scope: &TenantScope, job: &ScopeIncident) -> Result<()> {
    let tx = ctx.store.read(scope).await?;
    let incident = read(&tx, job.incident).await?;
    drop(tx);
    let (found, affected) = compute(ctx, scope, &incident).await?;
    keep::keep(ctx, scope, &incident, &found, &affected).await
}

/// Says how far the job has come.
async fn note_progress(ctx: &Ctx, scope: &TenantScope, id: IncidentId, progress: Progress) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    tx.update_many::<incident::Entity>()
        .set(incident::ActiveModel {
            scope_step: Set(Some(progress.step)),
            scope_done: Set(i64::try_from(progress.done).unwrap_or(i64::MAX)),
            scope_total: Set(i64::try_from(progress.total).unwrap_or(i64::MAX)),
            ..Default::default()
        })
        .filter(incident::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

#[cfg(test)]
mod tests;
