//! What every route may lean on.

use std::{
    ops::Deref,
    sync::{Arc, atomic::AtomicBool},
};

use broker::Broker;
use domain::{Ctx, journal};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{jwks::KeySets, limits::Limits, relays::Relays, signing::Signings};

/// What the API is told at start.
#[derive(Clone)]
pub struct Settings {
    /// The name of this process in connection records.
    pub node: String,
    /// Requests per second and credential.
    pub requests_per_second: u32,
    /// Requests per second and client address, for those without a credential.
    pub anonymous_requests_per_second: u32,
    /// The client's address is in `X-Forwarded-For`: only behind a proxy that sets it.
    pub trust_forwarded: bool,
    /// Pusher clients that do not come over TLS are refused (4000).
    pub require_tls: bool,
    /// Where the local mailbox is, when mails go there.
    pub mailbox: Option<std::path::PathBuf>,
    /// What `/metrics` answers.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Shared by all routes; cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Parts>);

/// The parts of a [`State`].
pub struct Parts {
    /// Rules and store.
    pub ctx: Ctx,
    /// Who is connected.
    pub broker: Broker,
    /// Where life cycles of connections are written.
    pub recorder: domain::connections::Recorder,
    /// Where messages are recorded.
    pub journal: journal::Journal,
    /// Upstream pools of relay endpoints.
    pub relays: Relays,
    /// Key sets fetched from tenants.
    pub key_sets: KeySets,
    /// What Pusher clients and back ends sign with.
    pub signings: Arc<Signings>,
    /// Who asks how often.
    pub limits: Limits,
    /// Sockets being opened and served.
    pub sockets: TaskTracker,
    /// Set when the process begins to stop.
    pub going: Arc<AtomicBool>,
    /// Wakes the worker in this process when there is work.
    pub nudge: Arc<Notify>,
    /// Settings.
    pub settings: Settings,
}

impl State {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
