//! The front of the house: journal, broker, API and port.

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use anyhow::Context;
use api::{
    Gatekeeper, HistoryKeeper, Household, JournalKeeper, RegistryKeeper,
    jwks::KeySets,
    limits::Limits,
    relays::Relays,
    server::{self, Patience, Port},
    signing::Signings,
    state::{Parts, Settings as ApiSettings, State},
};
use broker::{Broker, egress::Egress};
use domain::{Ctx, connections::Recorder, journal::Journal, webhooks::Hooks};
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{chores::Chores, others};
use crate::{
    data_folder::DataFolder,
    settings::Settings,
    telemetry,
    trouble::{Trouble, chain},
};

/// What serves, and the tasks behind it.
pub(super) struct Front {
    state: State,
    close_port: CancellationToken,
    port: JoinHandle<std::io::Result<()>>,
    journal: JoinHandle<()>,
    recorder: JoinHandle<()>,
    hooks: Hooks,
    hooks_task: JoinHandle<()>,
}

/// How long requests that run may still take once the port closes.
const GRACE: Duration = Duration::from_secs(5);

impl Front {
    /// Opens everything, the port last.
    pub(super) async fn open(
        settings: &Settings,
        folder: &DataFolder,
        ctx: &Ctx,
        egress: &Egress,
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        chores: &Chores,
    ) -> anyhow::Result<Self> {
        let (journal, journal_task) = Journal::start(ctx.clone(), settings.journal())
            .await
            .context("the journal did not start")?;
        let (recorder, recorder_task) = Recorder::start(ctx.clone(), settings.node_name())
            .await
            .context("connections cannot be recorded")?;
        let signings = Arc::<Signings>::default();
        let (hooks, hooks_task) = Hooks::start(ctx.clone(), settings.node_name())
            .await
            .context("webhooks cannot be told of anything")?;
        let relays = Relays::new(egress.clone());
        let gatekeeper = Arc::new(Gatekeeper {
            ctx: ctx.clone(),
            signings: Arc::clone(&signings),
        });
        let journals = Arc::new(JournalKeeper(journal.clone()));
        let history = Arc::new(HistoryKeeper(ctx.clone()));
        let registry = Arc::new(RegistryKeeper(recorder.clone(), hooks.clone()));
        let sockets = settings.sockets();
        let broker = match others::nodes(settings, ctx, &relays).await? {
            None => Broker::new(sockets, gatekeeper, journals, history, registry),
            Some(nodes) => Broker::with_others(sockets, gatekeeper, journals, history, registry, nodes),
        };
        Household::tell(ctx, &broker);
        let http = &settings.http;
        let limits = Limits::new(
            http.requests_per_second,
            http.anonymous_requests_per_second,
            http.handshakes_per_second,
        );
        let limits = limits.over_all_nodes(&broker);
        let state = State::new(Parts {
            ctx: ctx.clone(),
            broker,
            recorder,
            journal,
            relays,
            key_sets: KeySets::new(egress.clone()),
            signings,
            limits,
            sockets: TaskTracker::new(),
            going: Arc::new(AtomicBool::new(false)),
            nudge: Arc::new(Notify::new()),
            settings: ApiSettings {
                node: settings.node_name(),
                requests_per_second: http.requests_per_second,
                anonymous_requests_per_second: http.anonymous_requests_per_second,
                trust_forwarded: http.trust_forwarded,
                require_tls: http.require_tls,
                mailbox: match settings.smtp_url() {
                    Some(_) => None,
                    None => Some(folder.mailbox()?),
                },
                metrics: Arc::new(telemetry::render_metrics),
            },
        });
        chores.refresh_pictures(ctx);
        chores.sweep_limits(&state);
        chores.meter_sockets(&state.broker);
        chores.beat(&state);
        chores.count_hooks(&hooks);
        let port = Port {
            tls,
            handshake: Duration::from_secs(http.tls_handshake_seconds),
            patience: Patience {
                head: Duration::from_secs(http.head_seconds),
                idle: Duration::from_secs(http.idle_seconds),
            },
            grace: GRACE,
        };
        let close_port = CancellationToken::new();
        let serving = server::serve(listener, port, api::app(state.clone()), close_port.clone());
        Ok(Self {
            state,
            close_port,
            port: tokio::spawn(serving),
            journal: journal_task,
            recorder: recorder_task,
            hooks,
            hooks_task,
        })
    }

    /// Who is connected.
    pub(super) fn broker(&self) -> Broker {
        self.state.broker.clone()
    }

    /// Rings when there is work for the worker.
    pub(super) fn nudge(&self) -> Arc<Notify> {
        self.state.nudge.clone()
    }

    /// Waits until something ends that must not.
    pub(super) async fn failure(&mut self) -> Trouble {
        let (what, because) = tokio::select! {
            ended = &mut self.port => ("the port closed by itself", match ended {
                Ok(Ok(())) => "nobody told it to".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            }),
            ended = &mut self.journal => ("the journal ended by itself", describe(ended)),
            ended = &mut self.hooks_task => ("what tells webhooks ended by itself", describe(ended)),
            ended = &mut self.recorder => ("the recorder of connections ended by itself", describe(ended)),
        };
        Trouble::new(what, "start weir again, and report this together with the log").because(because)
    }

    /// Sends everybody elsewhere: no longer ready, sockets are told, then the port closes.
    pub(super) async fn close_doors(&mut self, drain: Duration) {
        self.state.going.store(true, Ordering::Release);
        let drained = self.state.broker.drain(drain).await;
        tracing::info!(told = drained.told, cut = drained.cut, "sockets are closed");
        self.close_port.cancel();
        if !self.port.is_finished()
            && let Ok(Err(error)) = (&mut self.port).await
        {
            tracing::warn!(error = chain(&error), "the port did not close cleanly");
        }
        self.state.sockets.close();
        self.state.sockets.wait().await;
    }

    /// Commits and writes down what is left.
    pub(super) async fn finish(self) {
        self.state.journal.stop();
        if !self.journal.is_finished() {
            let _ = self.journal.await;
        }
        // The last was told: the others need not wait for this node any more.
        self.state.broker.leave().await;
        self.hooks.stop();
        if !self.hooks_task.is_finished() {
            let _ = self.hooks_task.await;
        }
        self.state.recorder.stop();
        if !self.recorder.is_finished() {
            let _ = self.recorder.await;
        }
    }
}

fn describe(ended: Result<(), tokio::task::JoinError>) -> String {
    ended.map_or_else(|error| error.to_string(), |()| "nobody told it to".to_owned())
}
