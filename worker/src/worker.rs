//! The worker: its tasks, how they are woken, how they stop.

use std::sync::Arc;

use broker::egress::Egress;
use domain::Ctx;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    mails::{self, Mailer, Outbox},
    runner, schedules,
    settings::Settings,
    sockets::Sockets,
    webhooks, witnesses,
};

/// Does the work of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct Worker(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) ctx: Ctx,
    pub(crate) settings: Settings,
    pub(crate) sockets: Arc<dyn Sockets>,
    pub(crate) outbox: Outbox,
    /// The guard of addresses that tenants typed.
    pub(crate) egress: Egress,
    /// How this process is called in leases.
    name: String,
    jobs: Arc<Notify>,
    mails: Arc<Notify>,
    webhooks: Arc<Notify>,
}

/// Wakes the worker, so that what was just ordered does not wait for its next look.
#[derive(Clone, Debug)]
pub struct Nudge {
    jobs: Arc<Notify>,
    mails: Arc<Notify>,
    webhooks: Arc<Notify>,
}

impl Nudge {
    /// Something was ordered. Never waits; many nudges are one.
    pub fn nudge(&self) {
        self.jobs.notify_one();
        self.mails.notify_one();
        self.webhooks.notify_one();
    }
}

/// A worker that runs.
pub struct Handle {
    stop: CancellationToken,
    tasks: TaskTracker,
    nudge: Nudge,
}

impl Handle {
    /// Wakes it.
    pub fn nudge(&self) {
        self.nudge.nudge();
    }

    /// Something to wake it with from elsewhere.
    pub fn nudger(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Takes no more work, lets what runs come to its end within the grace, then cuts it off.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Worker {
    /// Puts a worker together. `name` tells processes apart.
    pub fn new(
        ctx: Ctx,
        settings: Settings,
        name: impl Into<String>,
        sockets: Arc<dyn Sockets>,
        mailer: Mailer,
        egress: Egress,
    ) -> Self {
        describe_metrics();
        Self(Arc::new(Parts {
            outbox: Outbox::new(ctx.clone(), mailer),
            ctx,
            settings,
            sockets,
            egress,
            name: name.into(),
            jobs: Arc::default(),
            mails: Arc::default(),
            webhooks: Arc::default(),
        }))
    }

    /// Something to wake it with.
    pub fn nudger(&self) -> Nudge {
        Nudge {
            jobs: self.0.jobs.clone(),
            mails: self.0.mails.clone(),
            webhooks: self.0.webhooks.clone(),
        }
    }

    /// Wakes it.
    pub fn nudge(&self) {
        self.nudger().nudge();
    }

    /// Begins to work, until the handle stops it.
    pub fn start(&self) -> Handle {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(self.clone().work_on_jobs(stop.clone()));
        tasks.spawn(self.clone().work_on_mails(stop.clone()));
        tasks.spawn(webhooks::work(
            self.0.ctx.clone(),
            self.0.settings.clone(),
            self.0.egress.clone(),
            self.0.webhooks.clone(),
            stop.clone(),
        ));
        schedules::spawn(&self.0, &tasks, &stop);
        tasks.close();
        Handle {
            stop,
            tasks,
            nudge: self.nudger(),
        }
    }

    /// Does all jobs and mails that are due, until there are none: for tests, and for commands that end. What failed
    /// waits for its next attempt.
    pub async fn run_until_idle(&self) -> domain::Result<()> {
        let Parts {
            ctx,
            settings,
            sockets,
            outbox,
            egress,
            name,
            ..
        } = &*self.0;
        let lease = settings.lease();
        loop {
            let claimed = domain::jobs::claim(ctx, name, 8, lease).await?;
            let mails = domain::mails::claim(ctx, 8, lease).await?;
            if claimed.is_empty() && mails.is_empty() {
                return Ok(());
            }
            for job in claimed {
                runner::run(ctx.clone(), sockets.clone(), egress.clone(), job, lease).await;
            }
            for mail in mails {
                outbox.send(mail).await;
            }
        }
    }

    async fn work_on_jobs(self, stop: CancellationToken) {
        let Parts {
            ctx,
            settings,
            sockets,
            egress,
            name,
            jobs,
            ..
        } = &*self.0;
        let lease = settings.lease();
        let mut running = JoinSet::new();
        loop {
            let free = settings.concurrency.max(1).saturating_sub(running.len());
            let mut full = free == 0;
            if free > 0 && !stop.is_cancelled() {
                match domain::jobs::claim(ctx, name, free as u64, settings.lease()).await {
                    Ok(claimed) => {
                        full = claimed.len() == free;
                        for job in claimed {
                            let (ctx, sockets, nudge) = (ctx.clone(), sockets.clone(), self.nudger());
                            let egress = egress.clone();
                            running.spawn(async move {
                                runner::run(ctx, sockets, egress, job, lease).await;
                                // A job may have ordered a mail, or another job.
                                nudge.nudge();
                            });
                        }
                    }
                    Err(error) => tracing::error!(error = ?error, "jobs could not be claimed"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = jobs.notified(), if !full => {}
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(schedules::jittered(ctx, settings.poll())) => {}
            }
        }
        let finish = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(settings.grace(), finish).await.is_err() {
            tracing::warn!("jobs were cut off; they will be done again");
        }
    }

    async fn work_on_mails(self, stop: CancellationToken) {
        let Parts {
            ctx,
            settings,
            mails: woken,
            ..
        } = &*self.0;
        let mut sending = JoinSet::new();
        loop {
            let free = settings.mails.max(1).saturating_sub(sending.len());
            if free > 0 && !stop.is_cancelled() {
                match domain::mails::claim(ctx, free as u64, settings.lease()).await {
                    Ok(claimed) => {
                        for mail in claimed {
                            let worker = self.clone();
                            sending.spawn(async move { worker.0.outbox.send(mail).await });
                        }
                    }
                    Err(error) => tracing::error!(error = ?error, "mails could not be claimed"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = woken.notified(), if free > 0 => {}
                Some(_) = sending.join_next() => {}
                () = tokio::time::sleep(schedules::jittered(ctx, settings.poll())) => {}
            }
        }
        let finish = async { while sending.join_next().await.is_some() {} };
        if tokio::time::timeout(settings.grace(), finish).await.is_err() {
            tracing::warn!("mails were cut off; they will be sent again");
        }
    }
}

fn describe_metrics() {
    metrics::describe_counter!("weir_jobs_total", "ended attempts at jobs, by kind and outcome");
    metrics::describe_histogram!(
        "weir_job_seconds",
        metrics::Unit::Seconds,
        "how long an attempt at a job took"
    );
    mails::describe_metrics();
    webhooks::describe_metrics();
    witnesses::describe_metrics();
    schedules::describe_metrics();
}
