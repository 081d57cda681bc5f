//! Takes turns at webhooks: several at a time, the deliveries of each one after the other.

use std::sync::Arc;

use broker::egress::Egress;
use domain::{
    Ctx,
    webhooks::{self, Outcome, TURN, Turn},
};
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{schedules, sender::Sender, settings::Settings};

/// Works until it is told to stop; what is under way then is finished within the grace.
pub(crate) async fn work(
    ctx: Ctx,
    settings: Settings,
    egress: Egress,
    woken: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut running = JoinSet::new();
    loop {
        let free = ctx
            .settings
            .webhooks
            .concurrency
            .max(1)
            .saturating_sub(running.len());
        if free > 0 && !stop.is_cancelled() {
            match webhooks::claim(&ctx, free).await {
                Ok(turns) => {
                    for turn in turns {
                        let span = tracing::info_span!("webhook", webhook.id = %turn.webhook, tenant.id = %turn.tenant());
                        let taking = take(ctx.clone(), egress.clone(), turn, stop.clone());
                        running.spawn(taking.instrument(span));
                    }
                }
                Err(error) => tracing::error!(error = ?error, "webhooks could not be claimed"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = woken.notified(), if free > 0 => {}
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(schedules::jittered(&ctx, settings.poll())) => {}
        }
    }
    let finish = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(settings.grace(), finish).await.is_err() {
        tracing::warn!("webhook deliveries were cut off; they will be sent again");
    }
}

/// One turn. When the store fails it simply ends: its lease runs out, and another turn comes.
async fn take(ctx: Ctx, egress: Egress, turn: Turn, stop: CancellationToken) {
    let begun = Instant::now();
    let mut sender: Option<Sender> = None;
    while begun.elapsed() < TURN && !stop.is_cancelled() {
        let attempt = match webhooks::next(&ctx, &turn).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => break,
            Err(error) => {
                tracing::error!(error = ?error, "what a webhook is told could not be read");
                return;
            }
        };
        let started = Instant::now();
        if sender.as_ref().is_none_or(|sender| !sender.is_to(&attempt.url)) {
            sender = None;
        }
        let outcome = match &sender {
            Some(sender) => sender.send(&attempt.headers, &attempt.body).await,
            None => match Sender::to(&egress, &attempt.url, ctx.settings.webhooks.timeout()).await {
                Ok(new) => sender.insert(new).send(&attempt.headers, &attempt.body).await,
                Err(fault) => Outcome::Failed(fault),
            },
        };
        let took = started.elapsed();
        metrics::histogram!("weir_webhook_seconds").record(took);
        let word = match outcome {
            Outcome::Answered(200..=299) => "delivered",
            Outcome::Answered(_) => "refused",
            Outcome::Failed(_) => "failed",
        };
        metrics::counter!("weir_webhook_attempts_total", "outcome" => word).increment(1);
        if let Err(error) = webhooks::settle(&ctx, &turn, &attempt, outcome, took).await {
            tracing::error!(delivery.id = %attempt.delivery, error = ?error, "the end of an attempt could not be noted");
            return;
        }
    }
    if let Err(error) = webhooks::release(&ctx, turn).await {
        tracing::error!(error = ?error, "a turn could not be ended");
    }
}
