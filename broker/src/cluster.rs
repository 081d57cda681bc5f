//! One node among several: what it tells the others and hears of them.
//!
//! - **Messages.** Where the journal counts, a node delivers what it committed itself and tells the others; everybody puts
//!   messages in the order of their offsets, and reads from the journal what does not come ([`topics`]). Elsewhere the
//!   backplane counts, and every node, the sender's too, delivers what it hears, in that order. What was missed there is gone,
//!   so whoever may have missed something is sent away to come back and be told.
//! - **Orders.** What must act everywhere is told to every node, and waited for ([`orders`]).
//! - **The lease.** A node that does not hear the others any more keeps its memory true from the store, and where it cannot do
//!   that either, stops serving people before anybody relies on that ([`lease`]).
//!
//! See `docs/decisions/0019-nodes-behave-as-one.md`.

mod beats;
pub(crate) mod crowds;
mod heard;
mod lease;
pub(crate) mod leases;
mod meters;
pub(crate) mod orders;
pub(crate) mod rolls;
mod sender;
pub(crate) mod spent;
mod stream;
pub(crate) mod topics;
pub(crate) mod wire;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    beats::{HOUSE, Peers},
    lease::Lease,
    meters::Meters,
    orders::Orders,
    sender::{Outgoing, QUEUE},
    stream::Turn,
    topics::Topic,
    wire::{Head, Kind, Said},
};
use crate::{
    backplane::{Backplane, Heard, Standing},
    broker::Core,
    host::{House, JournalFault, Position, Secret},
    publish::Published,
};

/// What makes a broker one of several nodes.
pub struct Nodes {
    /// A number that no other node has, and no earlier process of this one.
    pub me: u64,
    /// What the node is called in records.
    pub name: Box<str>,
    /// What everything of this installation is called by on the backplane.
    pub prefix: Box<str>,
    /// What carries.
    pub backplane: Arc<dyn Backplane>,
    /// What is heard from it.
    pub heard: mpsc::Receiver<Heard>,
    /// The house that all nodes are of.
    pub house: Arc<dyn House>,
}

/// How it stands with the other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Whether the backplane is reached and everything that was missed was made up for.
    pub connected: bool,
    /// Whether people are served: the node hears the others, or knows from the store what they changed.
    pub serving: bool,
    /// The other nodes that are heard of, by name.
    pub others: Vec<Box<str>>,
}

/// An endpoint's channel.
pub(crate) type Key = (Uuid, Arc<str>);

/// How a channel is called on the backplane, and what seals what goes there.
#[derive(Clone)]
pub(crate) struct Place {
    name: Arc<str>,
    /// What the seal binds: tenant, endpoint and channel.
    bound: Arc<str>,
    secret: Arc<dyn Secret>,
}

/// A counted message of this node's that has not been answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    /// It was handed over.
    Flying,
    /// It was heard, and delivered.
    Heard,
    /// It was delivered here alone; hearing it later changes nothing.
    Alone,
}

/// Why others have to compare where a channel stands once they can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Untold {
    /// They can read what they were not told.
    Recorded,
    /// They cannot.
    Lost,
}

/// Channels of which it is known that others were not told something. Beyond it, all channels count as such.
const UNTOLD: usize = 10_000;

pub(crate) struct Cluster {
    me: u64,
    name: Box<str>,
    prefix: Box<str>,
    backplane: Arc<dyn Backplane>,
    house: Arc<dyn House>,
    core: OnceLock<Weak<Core>>,
    queue: mpsc::Sender<Outgoing>,
    /// Numbers parcels and orders of this node.
    numbers: AtomicU64,
    topics: RwLock<HashMap<Key, Arc<Topic>>>,
    named: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    secrets: RwLock<HashMap<Uuid, Arc<dyn Secret>>>,
    flights: Mutex<HashMap<u64, Flight>>,
    untold: Mutex<HashMap<Key, (Uuid, Untold)>>,
    /// More than can be named.
    untold_all: AtomicBool,
    peers: Peers,
    lease: Lease,
    orders: Orders,
    /// Set from the moment it was cut off until everything is made up for.
    missing: AtomicBool,
    /// Set from the moment it was cut off until memory was compared with the store.
    deaf: AtomicBool,
    meters: Meters,
    vouched: leases::Vouched,
    rolls: rolls::Rolls,
    spent: spent::Spent,
    stop: CancellationToken,
}

/// How long a node that goes waits until the others were told what they are to know.
const LEAVE_WITHIN: std::time::Duration = std::time::Duration::from_secs(1);

/// Channels that secrets are remembered for, by tenant.
const SECRETS: usize = 10_000;

impl Cluster {
    /// Joins the others. [`Cluster::run`] is to be called when the broker is put together.
    pub(crate) fn new(nodes: Nodes) -> (Arc<Self>, mpsc::Receiver<Outgoing>, mpsc::Receiver<Heard>) {
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let Nodes {
            me,
            name,
            prefix,
            backplane,
            heard,
            house,
        } = nodes;
        let cluster = Arc::new(Self {
            me,
            name,
            prefix,
            backplane,
            house,
            core: OnceLock::new(),
            queue,
            numbers: AtomicU64::new(1),
            topics: RwLock::default(),
            named: RwLock::default(),
            secrets: RwLock::default(),
            flights: Mutex::default(),
            untold: Mutex::default(),
            untold_all: AtomicBool::new(false),
            peers: Peers::default(),
            lease: Lease::new(),
            orders: Orders::default(),
            missing: AtomicBool::new(true),
            deaf: AtomicBool::new(true),
            meters: Meters::new(),
            vouched: leases::Vouched::default(),
            rolls: rolls::Rolls::default(),
            spent: spent::Spent::default(),
            stop: CancellationToken::new(),
        });
        (cluster, outgoing, heard)
    }

    /// Starts what it has to do all the time. Ends with [`Cluster::leave`], or with the broker.
    pub(crate) fn run(
        self: &Arc<Self>,
        core: &Arc<Core>,
        outgoing: mpsc::Receiver<Outgoing>,
        heard: mpsc::Receiver<Heard>,
    ) {
        let _ = self.core.set(Arc::downgrade(core));
        let (orders, to_do) = mpsc::channel(orders::TO_DO);
        self.spawn(sender::send_all(Arc::clone(self), outgoing));
        self.spawn(heard::hear_all(Arc::clone(self), heard, orders));
        self.spawn(orders::do_all(Arc::clone(self), to_do));
        self.spawn(beats::beat(Arc::clone(self)));
        self.spawn(topics::sweep(Arc::clone(self)));
        self.spawn(leases::attend(Arc::clone(self)));
    }

    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Tells the others that this node goes, and ends.
    pub(crate) async fn leave(&self) {
        let until = tokio::time::Instant::now() + LEAVE_WITHIN;
        let busy = || {
            self.queue.capacity() < self.queue.max_capacity()
                || self.topics.read().values().any(|topic| topic.notes.is_claiming())
        };
        while self.is_up() && busy() && tokio::time::Instant::now() < until {
            tokio::time::sleep(LEAVE_WITHIN / 50).await;
        }
        let head = self.head(Kind::Goodbye, self.number());
        let _ = self.tell_house(head.with(&[])).await;
        self.stop.cancel();
    }

    /// The broker, unless it is gone.
    fn core(&self) -> Option<Arc<Core>> {
        self.core.get().and_then(Weak::upgrade)
    }

    /// What this node is called in records.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn head(&self, kind: Kind, number: u64) -> Head {
        Head {
            kind,
            from: self.me,
            number,
        }
    }

    /// An epoch that was never used before.
    fn fresh(&self) -> Box<str> {
        format!("{:x}-{:x}", self.me, self.number()).into()
    }

    /// Whether parcels reach the others, as far as is known.
    fn is_up(&self) -> bool {
        self.backplane.is_up()
    }

    /// Whether this node may not serve people now, since it may not know what they said.
    pub(crate) fn is_fenced(&self) -> bool {
        !self.lease.is_valid()
    }

    /// How it stands with the others.
    pub(crate) fn company(&self) -> Company {
        Company {
            connected: self.is_up() && !self.missing.load(Ordering::SeqCst),
            serving: !self.is_fenced(),
            others: self.peers.names(),
        }
    }

    fn control(&self) -> Arc<str> {
        format!("{}:{{house}}:control", self.prefix).into()
    }

    fn of_node(&self, node: u64) -> Arc<str> {
        format!("{}:{{house}}:node:{node:x}", self.prefix).into()
    }

    /// How a channel is called, and what seals what goes there. `None` where the tenant is gone.
    async fn place(&self, tenant: Uuid, endpoint: Uuid, channel: &str) -> Option<Place> {
        let known = self.secrets.read().get(&tenant).cloned();
        let secret = if let Some(secret) = known {
            secret
        } else {
            let secret = self.house.secret(tenant).await?;
            let mut secrets = self.secrets.write();
            if secrets.len() >= SECRETS {
                secrets.clear();
            }
            secrets.insert(tenant, Arc::clone(&secret));
            secret
        };
        let bound: Arc<str> = format!("nodes/{tenant}/{endpoint}/{channel}").into();
        let blind = hex::encode(secret.blind(&bound));
        Some(Place {
            name: format!("{}:{{{}}}:c:{blind}", self.prefix, tenant.simple()).into(),
            bound,
            secret,
        })
    }

    /// Forgets what seals things: keys may have been destroyed.
    fn forget_secrets(&self) {
        self.secrets.write().clear();
    }

    /// A message was committed to the journal here. Delivers it in its turn, and tells the others. Answers how many of
    /// this node it was handed to; those who get it later, since something before it is on its way from another node, are
    /// not counted.
    pub(crate) fn committed(self: &Arc<Self>, core: &Core, said: Said) -> usize {
        let key = (said.endpoint, Arc::clone(&said.channel));
        let topic = self.topics.read().get(&key).cloned();
        let outgoing = Outgoing::Recorded(Box::new(said.clone()));
        if self.queue.try_send(outgoing).is_err() {
            self.note_untold(key, said.tenant, Untold::Recorded);
        }
        match topic {
            Some(topic) => self.in_turn(core, &topic, said),
            // Nobody listens here; a channel that remembers does not need the order of those who do.
            None => core.hand_out(said),
        }
    }

    /// Delivers a message of the journal when its turn comes.
    fn in_turn(self: &Arc<Self>, core: &Core, topic: &Arc<Topic>, said: Said) -> usize {
        let Some(position) = &said.position else { return 0 };
        let standing = Standing {
            epoch: Arc::clone(&position.epoch),
            offset: position.offset,
        };
        let mut stream = topic.recorded.lock();
        match stream.take(&standing, Box::new(said)) {
            Turn::Now(said) => {
                let handed = core.hand_out(*said);
                while let Some(next) = stream.next() {
                    core.hand_out(*next);
                }
                handed
            }
            Turn::Early => {
                let search = stream.base().is_some() && !std::mem::replace(&mut stream.searching, true);
                drop(stream);
                if search {
                    self.search_later(topic);
                }
                0
            }
            Turn::Past => 0,
            Turn::Broken => {
                stream.stand_at(standing);
                drop(stream);
                self.send_away(core, topic);
                0
            }
        }
    }

    /// A message that nobody recorded first: the backplane counts it, and whoever hears it delivers it.
    pub(crate) fn say(
        self: &Arc<Self>,
        core: &Arc<Core>,
        said: Said,
    ) -> BoxFuture<'static, Result<Published, JournalFault>> {
        let number = self.number();
        let tells = said.tells_position;
        let (answer, answered) = oneshot::channel();
        let (endpoint, channel) = (said.endpoint, Arc::clone(&said.channel));
        self.flights.lock().insert(number, Flight::Flying);
        let outgoing = Outgoing::Counted {
            said: Box::new(said),
            number,
            answer,
        };
        let refused = self.queue.try_send(outgoing).is_err();
        if refused {
            self.flights.lock().remove(&number);
        }
        let core = Arc::clone(core);
        Box::pin(async move {
            if refused {
                return Err(JournalFault::Full);
            }
            let told = answered.await.map_err(|_| JournalFault::Stopping)?;
            let recipients = match told {
                sender::Told::Alone(handed) => handed,
                // Whoever hears it delivers it; this is who was there when it was answered.
                sender::Told::Everybody(_) => core
                    .hub
                    .endpoint(endpoint)
                    .and_then(|endpoint| endpoint.channel(&channel))
                    .map_or(0, |channel| channel.subscribers()),
            };
            let position = match told {
                sender::Told::Everybody(standing) if tells => Some(Position {
                    id: None,
                    offset: standing.offset,
                    epoch: standing.epoch,
                }),
                _ => None,
            };
            Ok(Published { position, recipients })
        })
    }

    /// Others were not told something. Once they can be, they compare.
    fn note_untold(&self, key: Key, tenant: Uuid, what: Untold) {
        let mut untold = self.untold.lock();
        if untold.len() >= UNTOLD && !untold.contains_key(&key) {
            self.untold_all.store(true, Ordering::SeqCst);
            return;
        }
        let noted = untold.entry(key).or_insert((tenant, what));
        if what == Untold::Lost {
            noted.1 = what;
        }
    }

    /// Tells all nodes something that only nodes can read, a parcel each, until one does not arrive.
    async fn tell_sealed(&self, kind: Kind, parcels: Vec<Vec<u8>>) {
        for parcel in parcels {
            let body = self.house.seal(HOUSE, &parcel);
            if self
                .tell_house(self.head(kind, self.number()).with(&body))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Hands something to all nodes, past the queue.
    async fn tell_house(&self, bytes: Bytes) -> Result<(), crate::backplane::Away> {
        let parcel = crate::backplane::Parcel {
            topic: self.control(),
            bytes,
            count: crate::backplane::Count::No,
        };
        self.backplane.send(vec![parcel]).await.map(drop)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
