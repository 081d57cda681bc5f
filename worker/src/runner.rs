//! Runs one claimed job: keeps its lease, notes how it ended.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{Ctx, jobs::Claimed};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument;

use crate::{
    jobs::{self, JobError},
    settings::Settings,
    sockets::Sockets,
};

pub(crate) fn lease() -> TimeDelta {
    TimeDelta::from_std(Settings::LEASE).unwrap_or(TimeDelta::MAX)
}

/// Runs a job to its end, whatever that is.
pub(crate) async fn run(ctx: Ctx, sockets: Arc<dyn Sockets>, claimed: Claimed) {
    let kind = claimed.job.kind.clone();
    let span = tracing::info_span!("job", job.kind = %kind, job.id = %claimed.job.id, tenant.id = %claimed.job.tenant_id);
    run_in_span(ctx, sockets, claimed).instrument(span).await;
}

async fn run_in_span(ctx: Ctx, sockets: Arc<dyn Sockets>, mut claimed: Claimed) {
    let kind = claimed.job.kind.clone();
    let limit = jobs::attempts(&kind);
    let started = Instant::now();
    let outcome = if claimed.job.attempts > limit {
        // Its worker died each time before it could say so.
        Err(JobError::fail(anyhow::anyhow!(
            "{limit} attempts did not come to an end"
        )))
    } else {
        // Boxed: it is as large as the largest job.
        let work = Box::pin(jobs::run(&ctx, &*sockets, &claimed));
        while_renewing(&ctx, &claimed, work).await
    };
    metrics::histogram!("weir_job_seconds", "kind" => kind.clone()).record(started.elapsed());
    let (noted, outcome) = match outcome {
        Ok(()) => {
            // What a job was about is forgotten with it.
            claimed.job.payload = serde_json::json!({});
            (domain::jobs::finish(&ctx, claimed).await, "done")
        }
        Err(error) => {
            let reason = error.reason();
            match domain::jobs::fail(&ctx, claimed, limit, error.retry, &reason).await {
                Ok(true) => {
                    tracing::warn!(reason, "job failed and will be tried again");
                    (Ok(()), "retried")
                }
                Ok(false) => {
                    tracing::error!(reason, "job failed and was given up");
                    (Ok(()), "dead")
                }
                Err(error) => (Err(error), "lost"),
            }
        }
    };
    if let Err(error) = noted {
        // The lease runs out, and the job is done again.
        tracing::error!(error = ?error, "the end of a job could not be noted");
    }
    metrics::counter!("weir_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// Renews the lease while the work goes on.
async fn while_renewing<T>(ctx: &Ctx, claimed: &Claimed, work: impl Future<Output = T>) -> T {
    let every: Duration = Settings::LEASE / 3;
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        // The work goes on while the lease is renewed: it may hold the very writer that the renewal waits for.
        let renew = async {
            ticks.tick().await;
            if let Err(error) = domain::jobs::renew(ctx, claimed, lease()).await {
                tracing::warn!(error = ?error, "a lease could not be renewed");
            }
        };
        tokio::select! {
            done = &mut work => return done,
            () = renew => {}
        }
    }
}
