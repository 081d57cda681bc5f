//! The work going on behind, over REST.

use chrono::{DateTime, Utc};
use domain::{jobs, page::PageIn, permissions::Permission};
use entity::{
    id::JobId,
    job::{self, JobState},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// A piece of background work.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Job {
    id: JobId,
    /// What is done: `fulfil_request`, `send_portal_code`, …
    kind: String,
    /// `ready` waits for `run_at` or, with `claimed_until`, is being done; `dead` was given up, and `last_error` says why.
    state: JobState,
    /// Attempts so far.
    attempts: i32,
    /// When the next attempt is due, or the last one was.
    run_at: DateTime<Utc>,
    /// Being done, and by then done, renewed or taken over by another worker.
    claimed_until: Option<DateTime<Utc>>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<job::Model> for Job {
    fn from(row: job::Model) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            state: row.state,
            attempts: row.attempts,
            run_at: row.run_at,
            claimed_until: row.locked_until,
            last_error: row.last_error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// Background work.
pub struct JobsApi(pub State);

#[OpenApi(tag = "Tag::Audit")]
impl JobsApi {
    /// List background work.
    ///
    /// Work that is done is shown for a day, work that was given up or cancelled for 30 days.
    #[oai(path = "/jobs", method = "get", operation_id = "list_jobs")]
    async fn list(
        &self,
        caller: Caller,
        /// Only work in this state.
        state: Query<Option<JobState>>,
        /// Only work of this kind.
        kind: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Job>>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let filter = jobs::Filter {
            state: state.0,
            kind: kind.0,
        };
        Ok(Page::from(jobs::list(&tx, &filter, &page).await?, Job::from))
    }

    /// Read one piece of background work.
    #[oai(path = "/jobs/:job_id", method = "get", operation_id = "read_job")]
    async fn read(&self, caller: Caller, job_id: Path<JobId>) -> Result<Json<Job>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Json(jobs::read(&tx, job_id.0).await?.into()))
    }

    /// Cancel work that waits.
    ///
    /// Work that is being done cannot be cancelled. What it was ordered for stays undone until somebody orders a retry.
    #[oai(path = "/jobs/:job_id/cancel", method = "post", operation_id = "cancel_job")]
    async fn cancel(&self, caller: Caller, job_id: Path<JobId>) -> Result<Json<Job>, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let job = jobs::cancel(&tx, &self.0.ctx, job_id.0).await?;
        tx.save().await?;
        Ok(Json(job.into()))
    }

    /// Try work again that was given up or cancelled.
    #[oai(path = "/jobs/:job_id/retry", method = "post", operation_id = "retry_job")]
    async fn retry(&self, caller: Caller, job_id: Path<JobId>) -> Result<Json<Job>, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let job = jobs::retry(&tx, &self.0.ctx, job_id.0).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Json(job.into()))
    }
}
