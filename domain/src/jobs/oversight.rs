//! What people may do about jobs: look, try again, call off.

use entity::{
    id::JobId,
    job::{self, JobState},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, IntoActiveModel, QueryFilter, Set};
use serde_json::json;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    tenancy::TenantTx,
};

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where they stand.
    pub state: Option<JobState>,
    /// What is done.
    pub kind: Option<String>,
}

/// Lists a tenant's jobs, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<job::Model>> {
    let mut rows = tx.find::<job::Entity>();
    if let Some(state) = filter.state {
        rows = rows.filter(job::Column::State.eq(state));
    }
    if let Some(kind) = &filter.kind {
        rows = rows.filter(job::Column::Kind.eq(kind.as_str()));
    }
    page::by_id(rows, tx.conn(), job::Column::Id, page, |job| job.id.0).await
}

/// One job.
pub async fn read(tx: &TenantTx, id: JobId) -> Result<job::Model> {
    tx.get::<job::Entity, _>(id, "job").await
}

/// Tries a job again that was given up or called off, with all its attempts before it.
pub async fn retry(tx: &TenantTx, ctx: &Ctx, id: JobId) -> Result<job::Model> {
    let job = read(tx, id).await?;
    if !matches!(job.state, JobState::Dead | JobState::Cancelled) {
        return Err(Error::conflict(
            "wrong_state",
            "only a job that was given up or cancelled can be tried again",
        ));
    }
    let was = job.state;
    let mut row = job.into_active_model();
    row.state = Set(JobState::Ready);
    row.attempts = Set(0);
    row.run_at = Set(ctx.now());
    row.finished_at = Set(None);
    let job = tx.update(row).await?;
    record(tx, ctx, "job.retried", &job, was).await?;
    Ok(job)
}

/// Calls a job off that waits. One that is being done cannot be: half of it may have happened already.
pub async fn cancel(tx: &TenantTx, ctx: &Ctx, id: JobId) -> Result<job::Model> {
    let now = ctx.now();
    let job = read(tx, id).await?;
    let is_held = job.locked_until.is_some_and(|until| until >= now);
    if job.state != JobState::Ready || is_held {
        return Err(Error::conflict(
            "wrong_state",
            "only a job that waits can be cancelled; this one is being done, is over, or was cancelled already",
        ));
    }
    let attempts = job.attempts;
    let mut row = job.into_active_model();
    row.state = Set(JobState::Cancelled);
    row.finished_at = Set(Some(now));
    row.locked_until = Set(None);
    // A worker that claims it at this very moment counts an attempt, and then one of the two finds the row changed.
    let changed = tx
        .update_many::<job::Entity>()
        .set(row.reset_all())
        .filter(job::Column::Id.eq(id))
        .filter(job::Column::State.eq(JobState::Ready))
        .filter(job::Column::Attempts.eq(attempts))
        .exec(tx.conn())
        .await?;
    if changed.rows_affected == 0 {
        return Err(Error::conflict(
            "wrong_state",
            "a worker has just taken this job on",
        ));
    }
    let job = read(tx, id).await?;
    record(tx, ctx, "job.cancelled", &job, JobState::Ready).await?;
    Ok(job)
}

async fn record(tx: &TenantTx, ctx: &Ctx, what: &'static str, job: &job::Model, was: JobState) -> Result<()> {
    let event = Event::new(what)
        .target("job", job.id)
        .facts(json!({ "kind": job.kind, "was": was }));
    audit::record(tx, ctx, event).await.map(drop)
}
