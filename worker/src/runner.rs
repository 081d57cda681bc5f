//! Runs one claimed job: keeps its lease, notes how it ended.

use std::{sync::Arc, time::Duration};

use broker::egress::Egress;
use chrono::TimeDelta;
use domain::{
    Ctx,
    jobs::{Claimed, Ending},
};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument;

use crate::{
    jobs::{self, JobError},
    sockets::Sockets,
};

/// Runs a job to its end, whatever that is.
pub(crate) async fn run(
    ctx: Ctx,
    sockets: Arc<dyn Sockets>,
    egress: Egress,
    claimed: Claimed,
    lease: TimeDelta,
) {
    let kind = claimed.job.kind.clone();
    let span = tracing::info_span!("job", job.kind = %kind, job.id = %claimed.job.id, tenant.id = %claimed.job.tenant_id);
    run_in_span(ctx, sockets, egress, claimed, lease)
        .instrument(span)
        .await;
}

async fn run_in_span(
    ctx: Ctx,
    sockets: Arc<dyn Sockets>,
    egress: Egress,
    claimed: Claimed,
    lease: TimeDelta,
) {
    let kind = claimed.job.kind.clone();
    let limit = jobs::attempts(&kind);
    let started = Instant::now();
    let outcome = if claimed.job.attempts > limit {
        // Its worker died each time before it could say so.
        Some(Err(JobError::fail(anyhow::anyhow!(
            "{limit} attempts did not come to an end"
        ))))
    } else {
        // Boxed: it is as large as the largest job.
        let work = Box::pin(jobs::run(&ctx, &*sockets, &egress, &claimed));
        while_renewing(&ctx, &claimed, lease, work).await
    };
    metrics::histogram!("weir_job_seconds", "kind" => kind.clone()).record(started.elapsed());
    // What it changed acts everywhere before it counts as done.
    sockets.settled().await;
    let noted = match outcome {
        Some(Ok(())) => domain::jobs::finish(&ctx, &claimed).await,
        Some(Err(error)) => {
            let reason = error.reason();
            let noted = domain::jobs::fail(&ctx, &claimed, limit, error.retry, &reason).await;
            if matches!(noted, Ok(Ending::Dead)) {
                tracing::error!(reason, "job failed and was given up");
            } else {
                tracing::warn!(reason, "job failed and will be tried again");
            }
            noted
        }
        None => Ok(Ending::Lost),
    };
    let outcome = match noted {
        Ok(Ending::Done) => "done",
        Ok(Ending::Later) => "retried",
        Ok(Ending::Dead) => "dead",
        Ok(Ending::Lost) => {
            tracing::warn!("the lease on a job ran out; another worker has it now");
            "lost"
        }
        Err(error) => {
            // The lease runs out, and the job is done again.
            tracing::error!(error = ?error, "the end of a job could not be noted");
            "lost"
        }
    };
    metrics::counter!("weir_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// Renews the lease while the work goes on. None when somebody else has the job: then the work was stopped where it was.
async fn while_renewing<T>(
    ctx: &Ctx,
    claimed: &Claimed,
    lease: TimeDelta,
    work: impl Future<Output = T>,
) -> Option<T> {
    let every = lease.to_std().unwrap_or(Duration::from_mins(1)) / 3;
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        // The work goes on while the lease is renewed: it may hold the very writer that the renewal waits for.
        let renew = async {
            ticks.tick().await;
            match domain::jobs::renew(ctx, claimed, lease).await {
                Ok(ours) => ours,
                Err(error) => {
                    tracing::warn!(error = ?error, "a lease could not be renewed");
                    true
                }
            }
        };
        tokio::select! {
            done = &mut work => return Some(done),
            ours = renew => if !ours {
                return None;
            },
        }
    }
}
