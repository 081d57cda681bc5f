//! Background work: written in the transaction that makes it necessary, done by the worker, tried again when it fails.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::JobId,
    job::{self, JobState},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    tenancy::{Actor, TenantScope, TenantTx},
};

/// A kind of work, by its payload.
pub trait Job: Serialize + DeserializeOwned {
    /// Imperative, stable: it is stored.
    const KIND: &'static str;
    /// Attempts before it is given up.
    const ATTEMPTS: i32 = 10;
}

/// Work that one worker has claimed.
#[derive(Debug)]
pub struct Claimed {
    /// The right to work on the tenant's data.
    pub scope: TenantScope,
    /// The job as stored.
    pub job: job::Model,
}

impl Claimed {
    /// What the job is about.
    pub fn payload<J: Job>(&self) -> Result<J> {
        Ok(serde_json::from_value(self.job.payload.clone())?)
    }
}

/// Orders work to be done as soon as the transaction is saved.
pub async fn enqueue<J: Job>(tx: &TenantTx, ctx: &Ctx, payload: &J) -> Result<JobId> {
    enqueue_at(tx, ctx, payload, ctx.now()).await
}

/// Orders work to be done at a time.
pub async fn enqueue_at<J: Job>(
    tx: &TenantTx,
    ctx: &Ctx,
    payload: &J,
    run_at: DateTime<Utc>,
) -> Result<JobId> {
    let id = ctx.ids.next();
    tx.insert(job::ActiveModel {
        id: Set(id),
        kind: Set(J::KIND.to_owned()),
        payload: Set(serde_json::to_value(payload)?),
        state: Set(JobState::Ready),
        attempts: Set(0),
        run_at: Set(run_at),
        created_at: Set(ctx.now()),
        locked_by: Set(None),
        locked_until: Set(None),
        last_error: Set(None),
        finished_at: Set(None),
        ..Default::default()
    })
    .await?;
    Ok(id)
}

/// Claims work that is due, for `lease` at most: after that another worker may take it over.
pub async fn claim(ctx: &Ctx, worker: &str, limit: u64, lease: TimeDelta) -> Result<Vec<Claimed>> {
    use sea_orm::{
        ConnectionTrait, DbBackend,
        sea_query::{LockBehavior, LockType},
    };
    let now = ctx.now();
    let tx = ctx
        .store
        .system("a worker claims the jobs of all tenants")
        .await?;
    let mut due = tx
        .find::<job::Entity>()
        .filter(job::Column::State.eq(JobState::Ready))
        .filter(job::Column::RunAt.lte(now))
        .filter(
            Condition::any()
                .add(job::Column::LockedUntil.is_null())
                .add(job::Column::LockedUntil.lt(now)),
        )
        .order_by_asc(job::Column::RunAt)
        .limit(limit);
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        due = due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let due = due.all(tx.conn()).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    tx.update_many::<job::Entity>()
        .filter(job::Column::Id.is_in(due.iter().map(|job| job.id)))
        .col_expr(job::Column::LockedBy, Expr::value(worker))
        .col_expr(job::Column::LockedUntil, Expr::value(now + lease))
        .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(due
        .into_iter()
        .map(|mut job| {
            job.attempts += 1;
            Claimed {
                scope: TenantScope::new(job.tenant_id, Actor::System),
                job,
            }
        })
        .collect())
}

/// Keeps a claim while the work goes on.
pub async fn renew(ctx: &Ctx, claimed: &Claimed, lease: TimeDelta) -> Result<()> {
    let tx = ctx.store.begin(&claimed.scope).await?;
    tx.update_many::<job::Entity>()
        .filter(job::Column::Id.eq(claimed.job.id))
        .filter(job::Column::State.eq(JobState::Ready))
        .col_expr(job::Column::LockedUntil, Expr::value(ctx.now() + lease))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

/// The work is done.
pub async fn finish(ctx: &Ctx, claimed: Claimed) -> Result<()> {
    let tx = ctx.store.begin(&claimed.scope).await?;
    let mut job = claimed.job.into_active_model();
    job.state = Set(JobState::Done);
    job.finished_at = Set(Some(ctx.now()));
    job.locked_until = Set(None);
    job.last_error = Set(None);
    match tx.update(job.reset_all()).await {
        // The job removed its tenant, and itself with it.
        Err(sea_orm::DbErr::RecordNotUpdated) => return Ok(()),
        other => other?,
    };
    tx.save().await?;
    Ok(())
}

/// The work failed. Tried again later, twice as late each time, unless `retry_at` is none or the attempts are used up.
/// `reason` must hold nothing personal. Answers whether it will be tried again.
pub async fn fail(ctx: &Ctx, claimed: Claimed, attempts: i32, retry: bool, reason: &str) -> Result<bool> {
    let again = retry && claimed.job.attempts < attempts;
    let tx = ctx.store.begin(&claimed.scope).await?;
    let delay = TimeDelta::seconds(1 << claimed.job.attempts.clamp(0, 12));
    let mut job = claimed.job.into_active_model();
    job.state = Set(if again { JobState::Ready } else { JobState::Dead });
    job.run_at = Set(ctx.now() + delay);
    job.locked_until = Set(None);
    job.last_error = Set(Some(reason.chars().take(500).collect()));
    job.finished_at = Set((!again).then(|| ctx.now()));
    tx.update(job.reset_all()).await?;
    tx.save().await?;
    Ok(again)
}

/// Lists a tenant's jobs, newest first.
pub async fn list(tx: &TenantTx, state: Option<JobState>, page: &PageIn) -> Result<Page<job::Model>> {
    let mut rows = tx.find::<job::Entity>();
    if let Some(state) = state {
        rows = rows.filter(job::Column::State.eq(state));
    }
    page::by_id(rows, tx.conn(), job::Column::Id, page, |job| job.id.0).await
}

/// Tries a job again that was given up.
pub async fn retry(tx: &TenantTx, ctx: &Ctx, id: JobId) -> Result<job::Model> {
    let job = tx.get::<job::Entity, _>(id, "job").await?;
    if job.state != JobState::Dead {
        return Err(Error::conflict(
            "wrong_state",
            "only a job that was given up can be tried again",
        ));
    }
    let mut job = job.into_active_model();
    job.state = Set(JobState::Ready);
    job.attempts = Set(0);
    job.run_at = Set(ctx.now());
    job.finished_at = Set(None);
    Ok(tx.update(job).await?)
}
