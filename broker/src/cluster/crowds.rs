//! Who is on a channel of which node. Each node says who of its own came and went; whoever listens keeps the sum. A node that
//! is gone takes everybody along whom it had. Nothing of it is kept on the backplane but, to tell the first and the last of
//! all, which nodes have anybody.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Cluster,
    orders::Order,
    sender::Outgoing,
    topics::Topic,
    wire::{Kind, Said},
};
use crate::{
    broker::Core,
    host::Happening,
    hub::channel::{Around, Channel, untold},
};

/// What a node has on a channel.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Crowd {
    /// Subscribers.
    pub(crate) count: u64,
    /// Members of a presence channel, and what is told of them.
    pub(crate) members: BTreeMap<Box<str>, Option<Box<str>>>,
    /// The newest event of a cache channel, written as between nodes, and for how many milliseconds it is repeated.
    pub(crate) cached: Option<(Vec<u8>, u64)>,
}

/// What a node says of who it has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Word {
    /// So many.
    Count(u64),
    /// A member came.
    Added(Box<str>, Option<Box<str>>),
    /// A member went.
    Removed(Box<str>),
    /// All there is.
    All(Crowd),
}

/// Something that changed among those of this node. Told under the channel's lock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Local<'a> {
    /// The first came.
    Occupied,
    /// The last left.
    Vacated,
    /// A member came.
    Added(&'a str, Option<&'a str>),
    /// A member left.
    Removed(&'a str),
}

/// What the backplane is to know of who is here: of the channel (`None`), of each member.
#[derive(Default)]
pub(super) struct Notes {
    claims: Mutex<HashMap<Option<Box<str>>, Claim>>,
    claiming: AtomicBool,
    /// The others were told who is here, and hear of changes from now on.
    speaks: AtomicBool,
    told: AtomicU64,
}

impl Notes {
    /// Whether something has not been noted yet.
    pub(super) fn is_claiming(&self) -> bool {
        self.claiming.load(Ordering::SeqCst)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Claim {
    wanted: bool,
    noted: bool,
}

impl Cluster {
    /// Somebody of this node came or went. Must not wait.
    pub(crate) fn crowd_changed(
        self: &Arc<Self>,
        tenant: Uuid,
        endpoint: Uuid,
        channel: &Arc<str>,
        change: Local<'_>,
    ) {
        let key = (endpoint, Arc::clone(channel));
        let topic = self.topic_or_new(tenant, key);
        let (who, here) = match change {
            Local::Occupied => (None, true),
            Local::Vacated => (None, false),
            Local::Added(user, _) => (Some(user.into()), true),
            Local::Removed(user) => (Some(user.into()), false),
        };
        topic.notes.claims.lock().entry(who).or_default().wanted = here;
        if !topic.notes.claiming.swap(true, Ordering::SeqCst) {
            let (cluster, topic) = (Arc::clone(self), Arc::clone(&topic));
            self.spawn(async move { cluster.claim_all(&topic).await });
        }
        if topic.notes.speaks.load(Ordering::SeqCst) {
            match change {
                Local::Added(user, info) => {
                    self.say_word(&topic, &Word::Added(user.into(), info.map(Into::into)));
                }
                Local::Removed(user) => self.say_word(&topic, &Word::Removed(user.into())),
                Local::Occupied | Local::Vacated => {}
            }
        }
    }

    fn say_word(&self, topic: &Topic, word: &Word) {
        let Ok(plain) = serde_json::to_vec(word) else {
            return;
        };
        // Full: it is told with the next comparison.
        let _ = self.queue.try_send(Outgoing::OnChannel {
            key: topic.key.clone(),
            tenant: topic.tenant,
            kind: Kind::Crowd,
            plain,
            count: None,
        });
    }

    /// Notes on the backplane who is here, and tells the host of the first and the last of all.
    async fn claim_all(self: &Arc<Self>, topic: &Arc<Topic>) {
        loop {
            let next = {
                let mut claims = topic.notes.claims.lock();
                claims.retain(|_, claim| claim.wanted || claim.noted);
                let next = claims.iter().find(|(_, claim)| claim.wanted != claim.noted);
                let next = next.map(|(who, claim)| (who.clone(), claim.wanted));
                if next.is_none() {
                    topic.notes.claiming.store(false, Ordering::SeqCst);
                }
                next
            };
            let Some((who, here)) = next else { return };
            let alone = self.claim(topic, who.as_deref(), here).await;
            if let Some(claim) = topic.notes.claims.lock().get_mut(&who) {
                claim.noted = here;
            }
            if alone && let Some(core) = self.core() {
                let what = match (who, here) {
                    (None, true) => Happening::Occupied,
                    (None, false) => Happening::Vacated,
                    (Some(user), true) => Happening::MemberAdded { user },
                    (Some(user), false) => Happening::MemberRemoved { user },
                };
                let (endpoint, channel) = &topic.key;
                core.registry.happened(topic.tenant, *endpoint, channel, what);
            }
        }
    }

    /// Answers whether nobody else has anybody there.
    async fn claim(&self, topic: &Arc<Topic>, who: Option<&str>, here: bool) -> bool {
        let place = topic
            .place
            .get_or_init(|| self.place(topic.tenant, topic.key.0, &topic.key.1))
            .await;
        let Some(place) = place else { return false };
        let name = match who {
            None => Arc::clone(&place.name),
            Some(user) => {
                let blind = place.secret.blind(&format!("{}/{user}", place.bound));
                format!("{}:m:{}", place.name, hex::encode(blind)).into()
            }
        };
        let living = self
            .peers
            .ids()
            .iter()
            .map(|node| format!("{node:x}").into())
            .collect();
        let me = format!("{:x}", self.me).into();
        if let Ok(alone) = self.backplane.claim(name, me, here, living).await {
            return alone;
        }
        // As far as is known here.
        let core = self.core();
        let channel = core.and_then(|core| Self::channel_of(&core, topic));
        channel.is_none_or(|channel| !channel.is_elsewhere(who))
    }

    fn channel_of(core: &Core, topic: &Topic) -> Option<Arc<Channel>> {
        core.hub.endpoint(topic.key.0)?.channel(&topic.key.1)
    }

    /// Tells the others who is here, and learns whom they have.
    pub(super) async fn meet(self: &Arc<Self>, core: &Arc<Core>, topic: &Arc<Topic>) {
        let Some(channel) = Self::channel_of(core, topic).filter(|channel| channel.wants_far()) else {
            return;
        };
        channel.with_crowd(|crowd| {
            topic.notes.speaks.store(true, Ordering::SeqCst);
            topic.notes.told.store(crowd.count, Ordering::SeqCst);
            self.say_word(
                topic,
                &Word::All(Crowd {
                    cached: None,
                    ..crowd
                }),
            );
        });
        if self.peers.ids().is_empty() {
            return;
        }
        let (endpoint, name) = &topic.key;
        let order = Order::Crowd(topic.tenant, *endpoint, (**name).into());
        let (weak, of) = (Arc::downgrade(core), Arc::clone(topic));
        let hear = move |node: u64, plain: &[u8]| {
            let (Some(core), Ok(crowd)) = (weak.upgrade(), serde_json::from_slice::<Crowd>(plain)) else {
                return;
            };
            let Some(channel) = Self::channel_of(&core, &of) else {
                return;
            };
            if let Some((written, left)) = &crowd.cached
                && let Some(said) = Said::read(of.tenant, of.key.0, &of.key.1, written.clone())
            {
                channel.remember_far(said, *left);
            }
            changes(&core, &of, &channel, |around| {
                channel.far_says(node, Word::All(crowd), around);
            });
        };
        let given = self.give_and_hear(&order, Some(Arc::new(hear)));
        self.obeyed::<serde::de::IgnoredAny>(given).await;
        let living = self.peers.ids();
        changes(core, topic, &channel, |around| channel.far_keep(&living, around));
    }

    /// As [`Cluster::meet`], on all channels.
    pub(super) async fn meet_all(self: &Arc<Self>, core: &Arc<Core>) {
        let topics: Vec<_> = self.topics.read().values().cloned().collect();
        for topic in topics {
            if topic.notes.speaks.load(Ordering::SeqCst) {
                self.meet(core, &topic).await;
            }
        }
    }

    /// A node is heard for the first time, or again.
    pub(super) fn met(self: &Arc<Self>, _node: u64) {
        let cluster = Arc::clone(self);
        self.spawn(async move {
            if let Some(core) = cluster.core() {
                cluster.meet_all(&core).await;
            }
        });
    }

    pub(super) fn hear_crowd(&self, core: &Core, topic: &Topic, from: u64, plain: &[u8]) {
        let Ok(word) = serde_json::from_slice::<Word>(plain) else {
            self.meters.unread.increment(1);
            return;
        };
        if let Some(channel) = Self::channel_of(core, topic) {
            changes(core, topic, &channel, |around| {
                channel.far_says(from, word, around);
            });
        }
    }

    /// A node is gone, and everybody with it.
    pub(super) fn crowds_gone(&self, core: &Core, node: u64) {
        let topics: Vec<_> = self.topics.read().values().cloned().collect();
        for topic in &topics {
            let (endpoint, channel) = &topic.key;
            for (who, claim) in topic.notes.claims.lock().iter() {
                if claim.wanted && claim.noted {
                    core.registry
                        .kept(topic.tenant, *endpoint, channel, who.as_deref());
                }
            }
        }
        for topic in topics {
            if let Some(channel) = Self::channel_of(core, &topic) {
                changes(core, &topic, &channel, |around| channel.far_gone(node, around));
            }
        }
    }

    /// Tells the others how many are here, where that changed.
    pub(super) fn tell_count(&self, topic: &Topic, channel: &Channel) {
        let count = channel.subscribers() as u64;
        if topic.notes.speaks.load(Ordering::SeqCst)
            && topic.notes.told.swap(count, Ordering::SeqCst) != count
        {
            self.say_word(topic, &Word::Count(count));
        }
    }

    /// Who of this node's is on a channel, for whoever asks.
    pub(super) fn crowd_here(
        core: &Core,
        tenant: Uuid,
        endpoint: Uuid,
        name: &str,
        tell: impl FnOnce(Crowd),
    ) {
        let endpoint = core
            .hub
            .endpoint(endpoint)
            .filter(|endpoint| endpoint.tenant == tenant);
        let channel = endpoint.and_then(|endpoint| endpoint.channel(name));
        match channel {
            Some(channel) => channel.with_crowd(tell),
            None => tell(Crowd::default()),
        }
    }
}

/// Something changed elsewhere. It is told to those here, and to no host; what is too much for one moment, in the next ones.
fn changes(core: &Core, topic: &Topic, channel: &Arc<Channel>, change: impl FnOnce(&Around<'_>)) {
    if !topic.is_ready() {
        return change(&Around {
            hears_of_members: false,
            ..around(core)
        });
    }
    change(&around(core));
    if let Some(cluster) = core.cluster.as_ref().filter(|_| channel.attend()) {
        let (of, channel) = (Arc::clone(cluster), Arc::clone(channel));
        cluster.spawn(async move {
            loop {
                tokio::time::sleep(untold::EVERY).await;
                let Some(core) = of.core() else { return };
                if !channel.tell_rest(&around(&core)) {
                    return;
                }
            }
        });
    }
}

/// What a change that came from elsewhere needs.
fn around(core: &Core) -> Around<'_> {
    Around {
        settings: &core.settings,
        counts: false,
        hears_of_members: true,
        happened: &|_, _| {},
        crowd: None,
    }
}
