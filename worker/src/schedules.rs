//! What happens by the clock. Every process runs every schedule: each is a look for work that finds none when another
//! process has just done it.

use std::{future::Future, sync::Arc, time::Duration};

use domain::{
    Ctx, consents, holds, housekeeping, incidents, nodes, reports, requests, retention, retention_rules,
    sign_ins, tenant_key, webhooks,
};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::chance;

use crate::{sockets::end_consents, witnesses, worker::Parts};

/// Expired messages become unreadable by themselves; this is how soon their keys and rows follow. A look costs nothing
/// when nothing is due, and a key should be gone within a second of its bucket's end.
const PURGE: Duration = Duration::from_millis(250);
/// How old the newest checkpoint may be when the log grew since.
const CHECKPOINTS: Duration = Duration::from_secs(5);
/// How late a change of the rules that waited may come.
const RULE_CHANGES: Duration = Duration::from_secs(2);
/// The gate closes at the instant at which a consent ends; this is how soon open sockets hear of it.
const CONSENTS: Duration = Duration::from_secs(1);
/// How soon what a hold kept goes once it is over.
const HOLDS: Duration = Duration::from_secs(5);
/// How late a step in the replacement of a tenant's key may come.
const TENANT_KEYS: Duration = Duration::from_secs(5);
const HOUSEKEEPING: Duration = Duration::from_mins(1);
const HOURLY: Duration = Duration::from_hours(1);

/// Starts every schedule.
pub(crate) fn spawn(parts: &Arc<Parts>, tasks: &TaskTracker, stop: &CancellationToken) {
    let budget = retention::Budget {
        rows: parts.settings.purge_rows,
        ..retention::Budget::default()
    };
    schedule(parts, tasks, stop, "purge", PURGE, move |ctx| async move {
        let mut messages = 0;
        loop {
            let report = retention::purge(&ctx, budget).await?;
            messages += report.messages;
            metrics::counter!("weir_retention_keys_destroyed_total").increment(report.keys);
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of lag are far below 2^52"
            )]
            metrics::gauge!("weir_retention_backlog_messages").set(report.backlog as f64);
            metrics::gauge!("weir_retention_lag_seconds")
                .set(report.lag.to_std().unwrap_or_default().as_secs_f64());
            for lag in &report.key_lags {
                metrics::histogram!("weir_retention_key_lag_seconds")
                    .record(lag.to_std().unwrap_or_default());
            }
            for (lag, rows) in &report.row_lags {
                let rows = usize::try_from(*rows).unwrap_or(usize::MAX);
                let lag = lag.to_std().unwrap_or_default().as_secs_f64();
                metrics::histogram!("weir_retention_row_lag_seconds").record_many(lag, rows);
            }
            // The budget keeps each run short for the sake of others; what is left waits for nothing else.
            if !report.more {
                return Ok(messages);
            }
        }
    });
    schedule(
        parts,
        tasks,
        stop,
        "sign_checkpoints",
        CHECKPOINTS,
        |ctx| async move { housekeeping::sign_checkpoints(&ctx).await },
    );
    let egress = parts.egress.clone();
    schedule(parts, tasks, stop, "ask_witnesses", CHECKPOINTS, move |ctx| {
        let egress = egress.clone();
        async move { witnesses::ask(&ctx, &egress).await }
    });
    schedule(
        parts,
        tasks,
        stop,
        "apply_rule_changes",
        RULE_CHANGES,
        |ctx| async move { retention_rules::apply_due(&ctx).await },
    );
    schedule(
        parts,
        tasks,
        stop,
        "replace_tenant_keys",
        TENANT_KEYS,
        |ctx| async move { tenant_key::advance(&ctx).await },
    );
    schedule(parts, tasks, stop, "release_holds", HOLDS, |ctx| async move {
        holds::sweep(&ctx).await
    });
    schedule(parts, tasks, stop, "balance", HOURLY, |ctx| async move {
        retention::balance_all(&ctx).await
    });
    schedule(parts, tasks, stop, "sweep", HOUSEKEEPING, |ctx| async move {
        let swept = retention::sweep(&ctx).await?;
        let lifted = requests::lift_due(&ctx).await?;
        let ended = webhooks::sweep(&ctx).await? + nodes::adopt(&ctx).await?;
        Ok(swept.connections
            + swept.audit_events
            + swept.lifecycle_events
            + ended
            + lifted
            + housekeeping::sweep(&ctx).await?)
    });
    let watch = Arc::new(nodes::Watch::default());
    schedule(parts, tasks, stop, "bury", nodes::LOOK_EVERY, move |ctx| {
        let watch = Arc::clone(&watch);
        async move { watch.look(&ctx).await }
    });
    let sockets = parts.sockets.clone();
    schedule(parts, tasks, stop, "expire_consents", CONSENTS, move |ctx| {
        let sockets = sockets.clone();
        async move {
            let ended = consents::expire(&ctx).await?;
            end_consents(&ctx, &*sockets, &ended).await?;
            Ok(ended.len() as u64)
        }
    });
    schedule(parts, tasks, stop, "remind", HOURLY, |ctx| async move {
        Ok(requests::remind(&ctx).await?
            + holds::remind(&ctx).await?
            + incidents::remind(&ctx).await?
            + reports::run_due(&ctx).await?)
    });
    schedule(parts, tasks, stop, "expire", HOURLY, |ctx| async move {
        Ok(requests::expire_stale(&ctx).await?
            + housekeeping::sweep_requests(&ctx).await?
            + sign_ins::forget_expired(&ctx).await?)
    });
}

pub(crate) fn describe_metrics() {
    metrics::describe_counter!(
        "weir_schedule_runs_total",
        "runs of schedules, by name and outcome"
    );
    metrics::describe_counter!(
        "weir_schedule_changes_total",
        "what runs of schedules changed, by name"
    );
    metrics::describe_histogram!(
        "weir_retention_key_lag_seconds",
        metrics::Unit::Seconds,
        "from the end of a bucket's last message to the end of its key, one sample a key"
    );
    metrics::describe_histogram!(
        "weir_retention_row_lag_seconds",
        metrics::Unit::Seconds,
        "from the end of the oldest message of a removal to the end of its row, one sample a row"
    );
    metrics::describe_histogram!(
        "weir_schedule_seconds",
        metrics::Unit::Seconds,
        "how long a run of a schedule took, by name"
    );
}

fn schedule<F, R>(
    parts: &Arc<Parts>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    name: &'static str,
    period: Duration,
    work: F,
) where
    F: Fn(Ctx) -> R + Send + Sync + 'static,
    R: Future<Output = domain::Result<u64>> + Send,
{
    let (ctx, stop) = (parts.ctx.clone(), stop.clone());
    tasks.spawn(async move {
        loop {
            let started = Instant::now();
            // What is under way when the process stops rolls back, and the next run does it again.
            let done = tokio::select! {
                () = stop.cancelled() => return,
                done = work(ctx.clone()) => done,
            };
            metrics::histogram!("weir_schedule_seconds", "name" => name).record(started.elapsed());
            let outcome = match done {
                Ok(changes) => {
                    metrics::counter!("weir_schedule_changes_total", "name" => name).increment(changes);
                    "done"
                }
                Err(error) => {
                    tracing::error!(schedule = name, error = ?error, "a schedule failed; it runs again");
                    "failed"
                }
            };
            metrics::counter!("weir_schedule_runs_total", "name" => name, "outcome" => outcome).increment(1);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(jittered(&ctx, period)) => {}
            }
        }
    });
}

/// The period, give or take a tenth, so that processes that start together do not look together.
pub(crate) fn jittered(ctx: &Ctx, period: Duration) -> Duration {
    let [byte] = chance::bytes::<1>(&*ctx.chance);
    period.mul_f64(0.9 + f64::from(byte) / 255.0 * 0.2)
}
