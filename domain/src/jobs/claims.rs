//! What a worker does with jobs: claims them, keeps its claims, and says how they ended.
//!
//! A claim is a lease. Whoever lets it run out has lost the job to the next worker, and what it says afterwards counts for
//! nothing: each claim counts an attempt, and its holder is believed only as long as that is the job's last one (a fencing
//! token, see Kleppmann, "How to do distributed locking", 2016).

use chrono::TimeDelta;
use entity::job::{self, JobState};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use serde_json::json;
use vault::chance;

use super::Job;
use crate::{
    ctx::Ctx,
    error::Result,
    tenancy::{Actor, TenantScope, TenantTx},
};

/// The longest wait between two attempts is about 2 to the power of this, in seconds.
const MOST_DOUBLINGS: i32 = 12;

/// Work that one worker has claimed.
#[derive(Debug)]
pub struct Claimed {
    /// The right to work on the tenant's data.
    pub scope: TenantScope,
    /// The job as claimed.
    pub job: job::Model,
}

impl Claimed {
    /// What the job is about.
    pub fn payload<J: Job>(&self) -> Result<J> {
        Ok(serde_json::from_value(self.job.payload.clone())?)
    }

    /// The job, as long as it is still ours.
    fn ours(&self, tx: &TenantTx) -> UpdateMany<job::Entity> {
        tx.update_many::<job::Entity>()
            .filter(job::Column::Id.eq(self.job.id))
            .filter(job::Column::State.eq(JobState::Ready))
            .filter(job::Column::LockedBy.eq(self.job.locked_by.as_deref()))
            .filter(job::Column::Attempts.eq(self.job.attempts))
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The work is done.
    Done,
    /// It will be tried again.
    Later,
    /// It was given up.
    Dead,
    /// The lease had run out and somebody else has the job: nothing was noted.
    Lost,
}

/// Claims work that is due, for `lease` at most: after that another worker may take it over.
pub async fn claim(ctx: &Ctx, worker: &str, limit: u64, lease: TimeDelta) -> Result<Vec<Claimed>> {
    let now = ctx.now();
    let until = now + lease;
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
        // Two workers that look at the same moment get different jobs, and neither waits for the other.
        due = due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let due = due.all(tx.conn()).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    tx.update_many::<job::Entity>()
        .filter(job::Column::Id.is_in(due.iter().map(|job| job.id)))
        .col_expr(job::Column::LockedBy, Expr::value(worker))
        .col_expr(job::Column::LockedUntil, Expr::value(until))
        .col_expr(job::Column::Attempts, Expr::col(job::Column::Attempts).add(1))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(due
        .into_iter()
        .map(|mut job| {
            job.attempts += 1;
            job.locked_by = Some(worker.to_owned());
            job.locked_until = Some(until);
            Claimed {
                scope: TenantScope::new(job.tenant_id, Actor::System),
                job,
            }
        })
        .collect())
}

/// Keeps a claim while the work goes on. Answers whether it is still ours: where not, the work must stop.
pub async fn renew(ctx: &Ctx, claimed: &Claimed, lease: TimeDelta) -> Result<bool> {
    let tx = ctx.store.begin(&claimed.scope).await?;
    let renewed = claimed
        .ours(&tx)
        .col_expr(job::Column::LockedUntil, Expr::value(ctx.now() + lease))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(renewed.rows_affected == 1)
}

/// The work is done. What it was about is forgotten with it.
pub async fn finish(ctx: &Ctx, claimed: &Claimed) -> Result<Ending> {
    let tx = ctx.store.begin(&claimed.scope).await?;
    let update = claimed
        .ours(&tx)
        .col_expr(job::Column::State, Expr::value(JobState::Done.as_str()))
        .col_expr(job::Column::Payload, Expr::value(json!({})))
        .col_expr(job::Column::FinishedAt, Expr::value(ctx.now()))
        .col_expr(job::Column::LastError, Expr::value(None::<String>));
    end(tx, update, Ending::Done).await
}

/// The work failed. Tried again later, about twice as late each time, unless `retry` is false or the attempts are used up.
/// `reason` must hold nothing personal.
pub async fn fail(ctx: &Ctx, claimed: &Claimed, attempts: i32, retry: bool, reason: &str) -> Result<Ending> {
    let again = retry && claimed.job.attempts < attempts;
    let tx = ctx.store.begin(&claimed.scope).await?;
    let reason: String = reason.chars().take(500).collect();
    let mut update = claimed
        .ours(&tx)
        .col_expr(job::Column::LastError, Expr::value(reason));
    update = if again {
        let at = ctx.now() + delay(ctx, claimed.job.attempts);
        update.col_expr(job::Column::RunAt, Expr::value(at))
    } else {
        update
            .col_expr(job::Column::State, Expr::value(JobState::Dead.as_str()))
            .col_expr(job::Column::FinishedAt, Expr::value(ctx.now()))
    };
    end(tx, update, if again { Ending::Later } else { Ending::Dead }).await
}

async fn end(tx: TenantTx, update: UpdateMany<job::Entity>, ending: Ending) -> Result<Ending> {
    let noted = update
        .col_expr(
            job::Column::LockedUntil,
            Expr::value(None::<chrono::DateTime<chrono::Utc>>),
        )
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(if noted.rows_affected == 1 {
        ending
    } else {
        Ending::Lost
    })
}

/// How long to wait after this many attempts: doubled each time, give or take a quarter, so that jobs that failed
/// together do not come back together.
fn delay(ctx: &Ctx, attempts: i32) -> TimeDelta {
    let [byte] = chance::bytes::<1>(&*ctx.chance);
    let base = 1000_i64 << attempts.clamp(0, MOST_DOUBLINGS);
    TimeDelta::milliseconds(base * 3 / 4 + base / 2 * i64::from(byte) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{jobs, portal::order_code, testing::World};

    const LEASE: TimeDelta = TimeDelta::seconds(60);

    async fn ordered(world: &World) {
        let tx = world.ctx.store.begin(&world.scope).await.unwrap();
        order_code(&tx, &world.ctx, "ada@example.com", None)
            .await
            .unwrap();
        tx.save().await.unwrap();
    }

    async fn the_job(world: &World) -> job::Model {
        let tx = world.ctx.store.read(&world.scope).await.unwrap();
        tx.find::<job::Entity>().one(tx.conn()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn whoever_lost_the_lease_is_not_believed_any_more() {
        let world = World::new().await;
        ordered(&world).await;
        let ctx = &world.ctx;
        let mut first = claim(ctx, "first", 10, LEASE).await.unwrap();
        let first = first.pop().unwrap();
        assert!(claim(ctx, "second", 10, LEASE).await.unwrap().is_empty());
        world.clock.advance(TimeDelta::seconds(61));
        let second = claim(ctx, "second", 10, LEASE).await.unwrap().pop().unwrap();
        assert_eq!(second.job.attempts, 2);
        assert!(!renew(ctx, &first, LEASE).await.unwrap());
        assert_eq!(finish(ctx, &first).await.unwrap(), Ending::Lost);
        assert_eq!(fail(ctx, &first, 3, true, "late").await.unwrap(), Ending::Lost);
        assert_eq!(the_job(&world).await.state, JobState::Ready);
        assert!(renew(ctx, &second, LEASE).await.unwrap());
        assert_eq!(finish(ctx, &second).await.unwrap(), Ending::Done);
        let done = the_job(&world).await;
        assert_eq!((done.state, done.payload), (JobState::Done, json!({})));
    }

    #[tokio::test]
    async fn attempts_come_later_each_time_and_end_with_a_reason() {
        let world = World::new().await;
        ordered(&world).await;
        let ctx = &world.ctx;
        for attempt in 1..=3_i32 {
            let claimed = claim(ctx, "one", 10, LEASE).await.unwrap().pop().unwrap();
            let ending = fail(ctx, &claimed, 3, true, "it rains").await.unwrap();
            assert_eq!(ending, if attempt < 3 { Ending::Later } else { Ending::Dead });
            let job = the_job(&world).await;
            assert_eq!(job.last_error.as_deref(), Some("it rains"));
            if attempt < 3 {
                let wait = (job.run_at - ctx.now()).num_milliseconds();
                let base = 1000 << attempt;
                assert!(
                    (base * 3 / 4..=base * 5 / 4).contains(&wait),
                    "{wait} ms after {attempt}"
                );
                assert!(claim(ctx, "one", 10, LEASE).await.unwrap().is_empty());
                world.clock.advance(TimeDelta::milliseconds(wait + 1));
            }
        }
        let job = the_job(&world).await;
        assert_eq!(job.state, JobState::Dead);
        let tx = ctx.store.begin(&world.scope).await.unwrap();
        jobs::retry(&tx, ctx, job.id).await.unwrap();
        tx.save().await.unwrap();
        assert_eq!(claim(ctx, "one", 10, LEASE).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_being_done_is_not_cancelled_and_what_waits_is() {
        let world = World::new().await;
        ordered(&world).await;
        let ctx = &world.ctx;
        let claimed = claim(ctx, "one", 10, LEASE).await.unwrap().pop().unwrap();
        let tx = ctx.store.begin(&world.scope).await.unwrap();
        assert!(jobs::cancel(&tx, ctx, claimed.job.id).await.is_err());
        drop(tx);
        fail(ctx, &claimed, 3, true, "later").await.unwrap();
        let tx = ctx.store.begin(&world.scope).await.unwrap();
        let job = jobs::cancel(&tx, ctx, claimed.job.id).await.unwrap();
        tx.save().await.unwrap();
        assert_eq!(job.state, JobState::Cancelled);
        world.clock.advance(TimeDelta::hours(1));
        assert!(claim(ctx, "one", 10, LEASE).await.unwrap().is_empty());
    }
}
