//! Who is connected to this node, found by endpoint and channel, by session, by person and by tenant; and the fan-out to them.
//! It knows no socket: it hands messages to [`Gate`]s.

mod roster;
mod shards;

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    sync::Arc,
};

use parking_lot::RwLock;
use uuid::Uuid;

use self::{
    roster::{Place, Roster},
    shards::Shards,
};
use crate::{
    gate::{Delivery, Entry, Gate},
    host::{Admission, Identity},
    settings::Settings,
};

/// Some of a tenant's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The tenant. Sessions of others are never selected, whatever the scope names.
    pub tenant: Uuid,
    /// Which of the tenant's.
    pub scope: Scope,
}

/// Which sessions of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Where a message goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) tenant: Uuid,
    pub(crate) endpoint: Uuid,
    pub(crate) channel: &'a str,
    /// The session that sent it, which does not get it back.
    pub(crate) except: Option<Uuid>,
}

struct Endpoint {
    tenant: Uuid,
    members: Roster,
    channels: RwLock<HashMap<Arc<str>, Roster>>,
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
    endpoint: Arc<Endpoint>,
    place: Place,
    channel: Option<(Arc<str>, Place)>,
}

pub(crate) struct Hub {
    endpoints: Shards<Uuid, Arc<Endpoint>>,
    sessions: Shards<Uuid, Arc<Gate>>,
    people: Shards<(Uuid, Uuid), Person>,
    tenants: Shards<Uuid, usize>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            endpoints: Shards::new(),
            sessions: Shards::new(),
            people: Shards::new(),
            tenants: Shards::new(),
        }
    }

    /// Registers a session, and subscribes it to a channel of its endpoint where one is named.
    pub(crate) fn join(&self, gate: &Arc<Gate>, channel: Option<&Arc<str>>) -> Seat {
        let who = &gate.identity;
        self.sessions
            .of(&who.session)
            .write()
            .insert(who.session, Arc::clone(gate));
        *self
            .tenants
            .of(&who.tenant)
            .write()
            .entry(who.tenant)
            .or_default() += 1;
        if let Some(subject) = who.subject() {
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
        let (endpoint, place) = {
            // Joining and leaving hold this lock throughout, so nobody joins an endpoint that is being forgotten.
            let mut endpoints = self.endpoints.of(&who.endpoint).write();
            let endpoint = endpoints.entry(who.endpoint).or_insert_with(|| {
                Arc::new(Endpoint {
                    tenant: who.tenant,
                    members: Roster::default(),
                    channels: RwLock::default(),
                })
            });
            (Arc::clone(endpoint), endpoint.members.join(Arc::clone(gate)))
        };
        let channel = channel.map(|name| {
            let mut channels = endpoint.channels.write();
            (
                Arc::clone(name),
                channels
                    .entry(Arc::clone(name))
                    .or_default()
                    .join(Arc::clone(gate)),
            )
        });
        Seat {
            endpoint,
            place,
            channel,
        }
    }

    /// Forgets a session.
    pub(crate) fn leave(&self, who: &Identity, seat: &Seat) {
        if let Some((name, place)) = &seat.channel {
            let mut channels = seat.endpoint.channels.write();
            if channels.get(name).is_some_and(|roster| roster.leave(place)) {
                channels.remove(name);
            }
        }
        {
            let mut endpoints = self.endpoints.of(&who.endpoint).write();
            if seat.endpoint.members.leave(&seat.place) {
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
        if let Slot::Occupied(mut slot) = self.tenants.of(&who.tenant).write().entry(who.tenant) {
            *slot.get_mut() -= 1;
            if *slot.get() == 0 {
                slot.remove();
            }
        }
        self.sessions.of(&who.session).write().remove(&who.session);
    }

    /// Hands a message to every subscriber of the channel that may have it, and says to how many.
    pub(crate) fn deliver(
        &self,
        target: Target<'_>,
        delivery: Delivery,
        admission: &dyn Admission,
        settings: &Settings,
    ) -> usize {
        let list = self
            .endpoints
            .get(&target.endpoint)
            .filter(|endpoint| endpoint.tenant == target.tenant)
            .and_then(|endpoint| endpoint.channels.read().get(target.channel).map(Roster::list));
        let Some(list) = list else { return 0 };
        let delivery = Arc::new(delivery);
        list.iter()
            .filter(|gate| target.except != Some(gate.identity.session))
            .filter(|gate| offer(gate, &delivery, admission, settings))
            .count()
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

    pub(crate) fn of_tenant(&self, tenant: Uuid) -> usize {
        self.tenants.get(&tenant).unwrap_or_default()
    }

    pub(crate) fn of_endpoint(&self, endpoint: Uuid) -> usize {
        self.endpoints
            .get(&endpoint)
            .map_or(0, |endpoint| endpoint.members.len())
    }
}

/// Offers a message to one session. The question is asked again where the answer may have been overtaken by a withdrawal.
fn offer(gate: &Gate, delivery: &Arc<Delivery>, admission: &dyn Admission, settings: &Settings) -> bool {
    loop {
        let epoch = gate.epoch();
        if !admission.may_deliver(&gate.identity, delivery.purpose) {
            return false;
        }
        match gate.enter(delivery, epoch, settings) {
            Entry::Queued => return true,
            Entry::Shut | Entry::Overflow => return false,
            Entry::Stale => {}
        }
    }
}
