//! Who is connected to this node, found by endpoint and channel, by session, by person, by tenant and by address. It knows no
//! socket: it hands messages to [`Gate`]s.

pub(crate) mod channel;
pub(crate) mod endpoint;
mod roster;
mod shards;

use std::{collections::hash_map::Entry as Slot, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use self::{
    channel::{Channel, Subscription},
    endpoint::{Endpoint, remembers},
    roster::Place,
    shards::Shards,
};
use crate::{
    census::TenantCensus,
    gate::Gate,
    host::Identity,
    pusher::watchlist::{Arrival, Departure, Watchlists},
};

/// Some of a tenant's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Selector {
    /// The tenant. Sessions of others are never selected, whatever the scope names.
    pub tenant: Uuid,
    /// Which of the tenant's.
    pub scope: Scope,
}

/// Which sessions of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Scope {
    /// All of them.
    Tenant,
    /// Those on one endpoint.
    Endpoint(Uuid),
    /// Those of one person.
    Subject(Uuid),
    /// Those of one person on one endpoint.
    SubjectOn {
        /// The person.
        subject: Uuid,
        /// The endpoint.
        endpoint: Uuid,
    },
    /// One of them.
    Session(Uuid),
}

/// Sessions of one person: nearly always one, which then needs no list of its own.
enum Person {
    One(Arc<Gate>),
    Many(Vec<Arc<Gate>>),
}

impl Person {
    fn all(&self) -> &[Arc<Gate>] {
        match self {
            Self::One(gate) => std::slice::from_ref(gate),
            Self::Many(gates) => gates,
        }
    }
}

/// A session's place in the hub, to be given back with [`Hub::leave`].
pub(crate) struct Seat {
    pub(crate) endpoint: Arc<Endpoint>,
    place: Place,
    pub(crate) address: Option<IpAddr>,
    /// The channels that it is on. Few, so a list is the smallest and the fastest there is.
    pub(crate) subscriptions: Vec<Subscription>,
    /// It is signed in, and may watch others.
    signed_in: bool,
}

impl Seat {
    pub(crate) fn subscription(&self, channel: &str) -> Option<&Subscription> {
        let is_it = |subscription: &&Subscription| *subscription.channel.name == *channel;
        self.subscriptions.iter().find(is_it)
    }

    /// The session says which user of the tenant's it is, and whom it watches.
    pub(crate) fn sign_in(&mut self, session: Uuid, user: &str, watchlist: Vec<Box<str>>) -> Arrival {
        self.signed_in = true;
        let mut watchlists = self.endpoint.watchlists.lock();
        watchlists
            .get_or_insert_default()
            .sign_in(session, user, watchlist)
    }

    /// It is on this channel from now on.
    pub(crate) fn take_place(&mut self, subscription: Subscription) {
        if self.subscriptions.is_empty() {
            // Mostly it stays the only one.
            self.subscriptions.reserve_exact(1);
        }
        self.subscriptions.push(subscription);
    }

    /// Takes a subscription out, to be ended.
    pub(crate) fn take(&mut self, channel: &str) -> Option<Subscription> {
        let is_it = |subscription: &Subscription| *subscription.channel.name == *channel;
        let place = self.subscriptions.iter().position(is_it)?;
        let subscription = self.subscriptions.swap_remove(place);
        if self.subscriptions.is_empty() {
            self.subscriptions = Vec::new();
        }
        Some(subscription)
    }
}

pub(crate) struct Hub {
    endpoints: Shards<Uuid, Arc<Endpoint>>,
    sessions: Shards<Uuid, Arc<Gate>>,
    people: Shards<(Uuid, Uuid), Person>,
    tenants: Shards<Uuid, usize>,
    addresses: Shards<(Uuid, u128), usize>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            endpoints: Shards::new(),
            sessions: Shards::new(),
            people: Shards::new(),
            tenants: Shards::new(),
            addresses: Shards::new(),
        }
    }

    /// Registers a session.
    pub(crate) fn join(&self, gate: &Arc<Gate>, address: Option<IpAddr>) -> Seat {
        let who = &gate.identity;
        self.sessions
            .of(&who.session)
            .write()
            .insert(who.session, Arc::clone(gate));
        count_up(&self.tenants, who.tenant);
        if let Some(address) = address {
            count_up(&self.addresses, (who.endpoint, network_of(address)));
        }
        if who.subject().is_some() {
            self.identify(gate);
        }
        // Joining, leaving and forgetting hold this lock throughout, so nobody joins an endpoint that is being forgotten.
        let mut endpoints = self.endpoints.of(&who.endpoint).write();
        let endpoint = endpoints
            .entry(who.endpoint)
            .or_insert_with(|| Arc::new(Endpoint::new(who.endpoint, who.tenant)));
        Seat {
            place: endpoint.members.join(Arc::clone(gate)),
            endpoint: Arc::clone(endpoint),
            address,
            subscriptions: Vec::new(),
            signed_in: false,
        }
    }

    /// Finds a session by its person from now on. Once, when the person is known.
    pub(crate) fn identify(&self, gate: &Arc<Gate>) {
        let who = &gate.identity;
        let Some(subject) = who.subject() else { return };
        let key = (who.tenant, subject);
        match self.people.of(&key).write().entry(key) {
            Slot::Vacant(slot) => {
                slot.insert(Person::One(Arc::clone(gate)));
            }
            Slot::Occupied(mut slot) => {
                let mut gates = slot.get().all().to_vec();
                gates.push(Arc::clone(gate));
                slot.insert(Person::Many(gates));
            }
        }
    }

    /// Forgets a session. What it was subscribed to is ended by the caller. Answers who is to hear that its user left.
    pub(crate) fn leave(&self, who: &Identity, seat: &Seat) -> Option<Departure> {
        let mut departure = None;
        if seat.signed_in {
            let mut watchlists = seat.endpoint.watchlists.lock();
            if let Some(all) = watchlists.as_deref_mut() {
                departure = all.sign_out(who.session);
                if all.is_empty() {
                    *watchlists = None;
                }
            }
        }
        {
            let mut endpoints = self.endpoints.of(&who.endpoint).write();
            seat.endpoint.members.leave(&seat.place);
            if seat.endpoint.is_idle() {
                endpoints.remove(&who.endpoint);
            }
        }
        if let Some(subject) = who.subject() {
            let key = (who.tenant, subject);
            if let Slot::Occupied(mut slot) = self.people.of(&key).write().entry(key) {
                let mut gates = slot.get().all().to_vec();
                gates.retain(|gate| gate.identity.session != who.session);
                match gates.pop() {
                    None => drop(slot.remove()),
                    Some(last) if gates.is_empty() => drop(slot.insert(Person::One(last))),
                    Some(last) => {
                        gates.push(last);
                        slot.insert(Person::Many(gates));
                    }
                }
            }
        }
        if let Some(address) = seat.address {
            count_down(&self.addresses, (who.endpoint, network_of(address)));
        }
        count_down(&self.tenants, who.tenant);
        self.sessions.of(&who.session).write().remove(&who.session);
        departure
    }

    /// The channel that a message of this tenant goes to, where anybody is on it or it remembers what was said.
    pub(crate) fn channel_for(&self, tenant: Uuid, endpoint: Uuid, name: &Arc<str>) -> Option<Arc<Channel>> {
        if let Some(endpoint) = self.endpoint(endpoint) {
            return (endpoint.tenant == tenant)
                .then(|| endpoint.channel_for(name))
                .flatten();
        }
        if !remembers(name) {
            return None;
        }
        let mut endpoints = self.endpoints.of(&endpoint).write();
        let endpoint = endpoints
            .entry(endpoint)
            .or_insert_with(|| Arc::new(Endpoint::new(endpoint, tenant)));
        (endpoint.tenant == tenant)
            .then(|| endpoint.channel_for(name))
            .flatten()
    }

    pub(crate) fn endpoint(&self, id: Uuid) -> Option<Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// The endpoints of a tenant that have anybody or anything.
    pub(crate) fn endpoints_of(&self, tenant: Uuid) -> Vec<Arc<Endpoint>> {
        let mut found = Vec::new();
        self.endpoints.each(|_, endpoint| {
            if endpoint.tenant == tenant {
                found.push(Arc::clone(endpoint));
            }
        });
        found
    }

    /// The sessions with these ids.
    pub(crate) fn gates(&self, sessions: impl IntoIterator<Item = Uuid>) -> Vec<Arc<Gate>> {
        let find = |session| self.sessions.get(&session);
        sessions.into_iter().filter_map(find).collect()
    }

    /// The sessions that are signed in as this user.
    pub(crate) fn of_user(&self, tenant: Uuid, endpoint: Uuid, user: &str) -> Vec<Arc<Gate>> {
        let Some(endpoint) = self
            .endpoint(endpoint)
            .filter(|endpoint| endpoint.tenant == tenant)
        else {
            return Vec::new();
        };
        let watchlists = endpoint.watchlists.lock();
        let of_user = |all: &Watchlists| all.of_user(user).collect::<Vec<_>>();
        let sessions = watchlists.as_deref().map(of_user).unwrap_or_default();
        drop(watchlists);
        self.gates(sessions)
    }

    /// Visits every endpoint, forgetting channels and endpoints that are of no use any more.
    pub(crate) fn sweep(&self, now: Instant, mut visit: impl FnMut(&Endpoint)) {
        let mut all = Vec::new();
        self.endpoints.each(|_, endpoint| all.push(Arc::clone(endpoint)));
        for endpoint in all {
            endpoint.sweep(now);
            visit(&endpoint);
            let mut endpoints = self.endpoints.of(&endpoint.id).write();
            if endpoint.is_idle() {
                endpoints.remove(&endpoint.id);
            }
        }
    }

    /// What each tenant has here.
    pub(crate) fn census(&self) -> Vec<TenantCensus> {
        let mut census = std::collections::BTreeMap::new();
        self.endpoints.each(|_, endpoint| {
            let of_tenant = census.entry(endpoint.tenant).or_insert(TenantCensus {
                tenant: endpoint.tenant,
                sessions: 0,
                subscriptions: 0,
                channels: 0,
            });
            of_tenant.sessions += endpoint.members.len() as u64;
            for channel in endpoint.channels() {
                let subscribers = channel.subscribers() as u64;
                of_tenant.subscriptions += subscribers;
                of_tenant.channels += u64::from(subscribers > 0);
            }
        });
        census
            .into_values()
            .filter(|tenant| tenant.sessions > 0)
            .collect()
    }

    /// The sessions that a selector means, at this moment.
    pub(crate) fn find(&self, selector: Selector) -> Vec<Arc<Gate>> {
        let mut found = match selector.scope {
            Scope::Tenant => {
                let mut lists = Vec::new();
                self.endpoints.each(|_, endpoint| {
                    if endpoint.tenant == selector.tenant {
                        lists.push(endpoint.members.list());
                    }
                });
                lists.iter().flat_map(|list| list.iter().cloned()).collect()
            }
            Scope::Endpoint(endpoint) => self
                .endpoints
                .get(&endpoint)
                .map(|endpoint| endpoint.members.list().to_vec())
                .unwrap_or_default(),
            Scope::Subject(subject) | Scope::SubjectOn { subject, .. } => {
                let key = (selector.tenant, subject);
                self.people
                    .of(&key)
                    .read()
                    .get(&key)
                    .map(|person| person.all().to_vec())
                    .unwrap_or_default()
            }
            Scope::Session(session) => self.sessions.get(&session).into_iter().collect(),
        };
        found.retain(|gate| {
            gate.identity.tenant == selector.tenant
                && match selector.scope {
                    Scope::SubjectOn { endpoint, .. } => gate.identity.endpoint == endpoint,
                    _ => true,
                }
        });
        found
    }

    /// Every session of this node.
    pub(crate) fn all(&self) -> Vec<Arc<Gate>> {
        let mut gates = Vec::new();
        self.sessions.each(|_, gate| gates.push(Arc::clone(gate)));
        gates
    }

    /// Tenant, endpoint and sessions of every endpoint that has any.
    pub(crate) fn sessions_of_endpoints(&self) -> Vec<(Uuid, Uuid, u64)> {
        let mut all = Vec::new();
        self.endpoints.each(|id, endpoint| {
            let count = endpoint.members.len() as u64;
            if count > 0 {
                all.push((endpoint.tenant, *id, count));
            }
        });
        all
    }

    pub(crate) fn of_tenant(&self, tenant: Uuid) -> usize {
        self.tenants.get(&tenant).unwrap_or_default()
    }

    pub(crate) fn of_endpoint(&self, endpoint: Uuid) -> usize {
        self.endpoints
            .get(&endpoint)
            .map_or(0, |endpoint| endpoint.members.len())
    }

    pub(crate) fn of_address(&self, endpoint: Uuid, address: IpAddr) -> usize {
        self.addresses
            .get(&(endpoint, network_of(address)))
            .unwrap_or_default()
    }
}

/// What counts as one address: of IPv6, the network of 64 bits that one customer has at least.
pub(crate) fn network_of(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

fn count_up<K: std::hash::Hash + Eq>(counts: &Shards<K, usize>, key: K) {
    *counts.of(&key).write().entry(key).or_default() += 1;
}

fn count_down<K: std::hash::Hash + Eq>(counts: &Shards<K, usize>, key: K) {
    if let Slot::Occupied(mut slot) = counts.of(&key).write().entry(key) {
        *slot.get_mut() -= 1;
        if *slot.get() == 0 {
            slot.remove();
        }
    }
}
