//! Which other nodes there are: each says again and again that it is there, and how many sessions it has.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::{
    Cluster,
    rolls::{Mark, Roll},
    wire::Kind,
};
use crate::{broker::Core, close::Close, gate::Manner};

/// How often a node says that it is there.
const EVERY: Duration = Duration::from_millis(500);
/// How often memory is compared with the store while the others are not heard.
const COMPARE_EVERY: Duration = Duration::from_millis(1_200);
/// Silence after which a node counts as gone. Longer than a lease: by then it serves nobody.
const GONE_AFTER: Duration = Duration::from_secs(5);
/// Endpoints whose sessions are told in one beat. Beyond it only their tenants are.
const TOLD: usize = 2_000;

/// What a node says.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Beat {
    name: Box<str>,
    /// Tenant, endpoint (nil: all of them) and sessions.
    sessions: Vec<(Uuid, Uuid, u64)>,
}

struct Peer {
    name: Box<str>,
    seen: Instant,
    sessions: HashMap<Uuid, u64>,
    roll: Roll,
}

/// The other nodes.
#[derive(Default)]
pub(super) struct Peers {
    heard: Mutex<BTreeMap<u64, Peer>>,
    /// Nodes that the store knows as there.
    known: Mutex<Vec<Box<str>>>,
}

impl Peers {
    pub(super) fn ids(&self) -> Vec<u64> {
        self.heard.lock().keys().copied().collect()
    }

    pub(super) fn names(&self) -> Vec<Box<str>> {
        self.heard.lock().values().map(|peer| peer.name.clone()).collect()
    }

    /// After a time in which nobody was heard.
    pub(super) fn all_are_there(&self) {
        let now = Instant::now();
        for peer in self.heard.lock().values_mut() {
            peer.seen = now;
        }
    }

    /// Nodes that the store knows as there, by name.
    pub(super) fn known_names(&self) -> Vec<Box<str>> {
        self.known.lock().clone()
    }

    /// Answers whether it is new.
    fn heard(&self, node: u64, beat: Beat) -> bool {
        let mut sessions = HashMap::with_capacity(beat.sessions.len());
        for (tenant, endpoint, count) in beat.sessions {
            let of = if endpoint.is_nil() { tenant } else { endpoint };
            sessions.insert(of, count);
        }
        let mut heard = self.heard.lock();
        let known = heard.remove(&node);
        let is_new = known.is_none();
        let peer = Peer {
            name: beat.name,
            seen: Instant::now(),
            sessions,
            roll: known.map(|peer| peer.roll).unwrap_or_default(),
        };
        heard.insert(node, peer);
        is_new
    }

    fn remove(&self, node: u64) -> bool {
        self.heard.lock().remove(&node).is_some()
    }

    fn take_silent(&self) -> Vec<(u64, Box<str>)> {
        let now = Instant::now();
        let mut heard = self.heard.lock();
        let silent: Vec<_> = heard
            .iter()
            .filter(|(_, peer)| now.saturating_duration_since(peer.seen) >= GONE_AFTER)
            .map(|(node, peer)| (*node, peer.name.clone()))
            .collect();
        for (node, _) in &silent {
            heard.remove(node);
        }
        silent
    }

    /// What a node told of how many sockets somebody has there; `None` where it is not heard of.
    pub(super) fn with_roll<T>(&self, node: u64, then: impl FnOnce(&mut Roll) -> T) -> Option<T> {
        self.heard.lock().get_mut(&node).map(|peer| then(&mut peer.roll))
    }

    /// Sockets that somebody has on the others.
    pub(super) fn enrolled(&self, mark: Mark) -> usize {
        let heard = self.heard.lock();
        let counts = heard.values().filter_map(|peer| peer.roll.get(&mark));
        counts.map(|count| *count as usize).sum()
    }

    /// Sessions that others have of a tenant or of an endpoint.
    pub(super) fn sessions(&self, of: Uuid) -> usize {
        let heard = self.heard.lock();
        let count: u64 = heard.values().filter_map(|peer| peer.sessions.get(&of)).sum();
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

impl Cluster {
    /// Nodes that the store knows as there, by name.
    pub(crate) fn known_nodes(&self, names: Vec<Box<str>>) {
        if names.contains(&self.name) {
            self.vouched.now();
        }
        *self.peers.known.lock() = names;
    }

    /// Whether the store knows nodes that are not heard: they may be there all the same, and only lack the backplane.
    pub(super) fn is_somebody_unheard(&self) -> bool {
        let heard = self.peers.names();
        let known = self.peers.known.lock();
        known
            .iter()
            .any(|name| *name != self.name && !heard.contains(name))
    }

    /// Sessions that other nodes have of a tenant or of an endpoint.
    pub(crate) fn sessions_elsewhere(&self, of: Uuid) -> usize {
        self.peers.sessions(of)
    }

    fn beat_now(&self, core: &Core) -> Vec<u8> {
        let mut sessions = Vec::new();
        for tenant in core.hub.census() {
            sessions.push((tenant.tenant, Uuid::nil(), tenant.sessions));
        }
        let endpoints = core.hub.sessions_of_endpoints();
        if endpoints.len() <= TOLD {
            sessions.extend(endpoints);
        }
        let beat = Beat {
            name: self.name.clone(),
            sessions,
        };
        serde_json::to_vec(&beat).unwrap_or_default()
    }

    /// A node is there. This one's own beat, heard, says that everything that was ordered before it was sent was heard too.
    pub(super) fn hear_beat(self: &Arc<Self>, node: u64, number: u64, plain: &[u8]) {
        if node == self.me {
            let sent = self.lease.take_beat(number);
            if let Some(sent) = sent
                && !self.deaf.load(Ordering::SeqCst)
            {
                self.lease.confirm(sent);
            }
            return;
        }
        let Ok(beat) = serde_json::from_slice::<Beat>(plain) else {
            return;
        };
        let name = beat.name.clone();
        if self.peers.heard(node, beat) {
            tracing::info!(node = %name, "another node is heard");
            self.met(node);
            self.rolls.tell_all(true);
        }
    }

    pub(super) fn hear_goodbye(self: &Arc<Self>, node: u64) {
        if self.peers.remove(node) {
            self.orders.gone(node);
            self.lost(node);
        }
    }

    /// A node is gone: so are those who were there. What it committed and had not told yet is read.
    fn lost(self: &Arc<Self>, node: u64) {
        let cluster = Arc::clone(self);
        self.spawn(async move {
            if let Some(core) = cluster.core() {
                cluster.crowds_gone(&core, node);
                cluster.compare_all(&core).await;
            }
        });
    }

    /// Ends the sessions of people whom this node must not serve now. They come back, here or elsewhere.
    fn fence(core: &Core) {
        let gates = core.hub.all();
        let people = gates.iter().filter(|gate| gate.identity.subject().is_some());
        for gate in people {
            gate.shut(Close::RECONNECT, Manner::Drop);
        }
    }
}

pub(super) async fn beat(cluster: Arc<Cluster>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut compared: Option<Instant> = None;
    let mut fenced = false;
    loop {
        tick.tick().await;
        let Some(core) = cluster.core() else { return };
        if cluster.is_up() && !cluster.deaf.load(Ordering::SeqCst) {
            let number = cluster.number();
            let plain = cluster.beat_now(&core);
            let body = cluster.house.seal(HOUSE, &plain);
            cluster.lease.note_beat(number);
            // Not heard, it confirms nothing.
            let _ = cluster
                .tell_house(cluster.head(Kind::Beat, number).with(&body))
                .await;
            cluster.tell_rolls().await;
            cluster.tell_spent().await;
            for (node, name) in cluster.peers.take_silent() {
                tracing::warn!(node = %name, "a node fell silent");
                cluster.lost(node);
            }
        } else {
            cluster.spent.forget();
            if compared.is_none_or(|at| at.elapsed() >= COMPARE_EVERY) {
                compared = Some(Instant::now());
                cluster.revalidate(&core).await;
            }
        }
        let is_fenced = cluster.is_fenced();
        if is_fenced && !fenced {
            tracing::error!(
                "neither the other nodes nor the store say who may be served: people are sent away"
            );
        }
        if is_fenced {
            Cluster::fence(&core);
        }
        fenced = is_fenced;
        cluster.meters.serving.set(if is_fenced { 0.0 } else { 1.0 });
        #[expect(clippy::cast_precision_loss, reason = "few")]
        cluster.meters.nodes.set((cluster.peers.ids().len() + 1) as f64);
    }
}

/// What the seal of what nodes tell each other binds.
pub(super) const HOUSE: &str = "nodes/house";
