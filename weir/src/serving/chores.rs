//! Small things that a serving process does over and over, beside the worker's.

use std::{sync::Arc, time::Duration};

use broker::{Close, Scope, Selector};
use domain::{Ctx, authentication, nodes, pictures, webhooks::Hooks};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use worker::Nudge;

use crate::{telemetry, trouble::chain};

/// The tasks, and the way to end them.
pub(super) struct Chores {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Chores {
    /// Starts those that every process has.
    pub(super) fn start(ctx: &Ctx) -> Self {
        let chores = Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        chores.spawn(telemetry::keep_metrics());
        let uses = ctx.clone();
        // How often is what the flush itself asks for: nobody waits for it.
        chores.every(Duration::from_secs(10), move || {
            let ctx = uses.clone();
            async move { authentication::flush(&ctx).await.map(drop) }
        });
        chores
    }

    /// Keeps pictures of open sockets true.
    pub(super) fn refresh_pictures(&self, ctx: &Ctx) {
        let ctx = ctx.clone();
        self.every(Duration::from_millis(250), move || {
            let ctx = ctx.clone();
            async move { pictures::refresh(&ctx).await }
        });
    }

    /// Publishes what waits and what each tenant has.
    pub(super) fn meter_sockets(&self, broker: &broker::Broker) {
        let (broker, meters) = (broker.clone(), Arc::new(api::SocketMeters::new()));
        self.every(Duration::from_secs(5), move || {
            meters.publish(&broker);
            std::future::ready(Ok(()))
        });
    }

    /// Forgets who asked how often, once it does not matter any more.
    pub(super) fn sweep_limits(&self, state: &api::state::State) {
        let state = state.clone();
        self.every(Duration::from_mins(1), move || {
            state.limits.sweep();
            std::future::ready(Ok(()))
        });
    }

    /// Says that this process is there. Taken for dead while it could not say so, it sends everybody elsewhere: tenants were
    /// told that these sessions ended.
    pub(super) fn beat(&self, state: &api::state::State) {
        let state = state.clone();
        self.every(nodes::BEAT_EVERY, move || {
            let state = state.clone();
            async move {
                let there = nodes::beat(&state.ctx, &state.settings.node).await?;
                if state.broker.company().is_some() {
                    let names = nodes::living(&state.ctx).await?;
                    state
                        .broker
                        .known_nodes(names.into_iter().map(String::into_boxed_str).collect());
                }
                if there {
                    return Ok(());
                }
                let open = state.recorder.open();
                tracing::error!(
                    sessions = open.len(),
                    "this process was taken for dead; its sessions are closed"
                );
                for (tenant, session) in open {
                    let selector = Selector {
                        tenant: tenant.0,
                        scope: Scope::Session(session.0),
                    };
                    state.broker.disconnect_here(selector, &Close::RECONNECT).await;
                }
                Ok(())
            }
        });
    }

    /// Tells metrics what webhooks are told.
    pub(super) fn count_hooks(&self, hooks: &Hooks) {
        let hooks = hooks.clone();
        metrics::describe_gauge!(
            "weir_webhook_events_waiting",
            "events of channels that wait to be written down for webhooks"
        );
        metrics::describe_counter!(
            "weir_webhook_events_dropped_total",
            "events of channels that webhooks were not told of because too many waited"
        );
        metrics::describe_counter!(
            "weir_webhook_deliveries_total",
            "deliveries written down from what happened on channels"
        );
        self.every(Duration::from_secs(5), move || {
            let stats = hooks.stats();
            #[expect(clippy::cast_precision_loss, reason = "a bounded queue is far below 2^52")]
            metrics::gauge!("weir_webhook_events_waiting").set(stats.waiting as f64);
            metrics::counter!("weir_webhook_events_dropped_total").absolute(stats.dropped);
            metrics::counter!("weir_webhook_deliveries_total").absolute(stats.deliveries);
            std::future::ready(Ok(()))
        });
    }

    /// Lets the API wake the worker of the same process.
    pub(super) fn carry_nudges(&self, from: Arc<Notify>, to: Nudge) {
        self.spawn(async move {
            loop {
                from.notified().await;
                to.nudge();
            }
        });
    }

    fn every<F, R>(&self, period: Duration, chore: F)
    where
        F: Fn() -> R + Send + 'static,
        R: Future<Output = domain::Result<()>> + Send,
    {
        self.spawn(async move {
            let mut every = interval(period);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                if let Err(error) = chore().await {
                    tracing::warn!(error = chain(&error), "a chore failed; it is tried again");
                }
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Ends all of them.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
