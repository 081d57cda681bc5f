//! The channels that somebody of this node is on: listening to them, knowing where they stand, making up for what was missed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    Cluster, Key, Place, Untold,
    crowds::Notes,
    sender::Outgoing,
    stream::Stream,
    wire::{Kind, Said},
};
use crate::{
    backplane::Standing,
    broker::Core,
    close::Close,
    gate::Manner,
    host::{Counting, Past, Start},
};

/// How long a message may be on its way while later ones of its channel are here already.
const HOLD: Duration = Duration::from_millis(200);
/// Messages that are made up for at once. Who missed more comes back and says from where.
const MAKE_UP: usize = 1_000;
/// How often it is looked for channels that nobody is on any more.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Channels that are compared at the same time.
const COMPARE: usize = 8;

/// A channel that somebody here is on.
pub(super) struct Topic {
    pub(super) tenant: Uuid,
    pub(super) key: Key,
    pub(super) place: OnceCell<Option<Place>>,
    ready: OnceCell<()>,
    /// Messages that the journal counts.
    pub(super) recorded: Mutex<Stream>,
    /// Messages that the backplane counts.
    pub(super) counted: Mutex<Stream>,
    /// Nobody was on it when it was last looked at.
    idle: AtomicBool,
    /// What others are to know of who is here.
    pub(super) notes: Notes,
}

/// What somebody who is on a channel now knows.
pub(crate) struct Attached {
    /// Where it stands, where the backplane counts.
    pub(crate) counted: Option<(i64, Arc<str>)>,
}

impl Topic {
    fn new(tenant: Uuid, key: Key) -> Self {
        Self {
            tenant,
            key,
            place: OnceCell::new(),
            ready: OnceCell::new(),
            recorded: Mutex::default(),
            counted: Mutex::default(),
            idle: AtomicBool::new(false),
            notes: Notes::default(),
        }
    }

    /// Whether it is known who is there elsewhere. Whoever is on it here before that is told all at once, and then.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.initialized()
    }
}

impl Cluster {
    pub(super) fn topic_or_new(&self, tenant: Uuid, key: Key) -> Arc<Topic> {
        let mut topics = self.topics.write();
        let topic = topics
            .entry(key.clone())
            .or_insert_with(|| Arc::new(Topic::new(tenant, key)));
        topic.idle.store(false, Ordering::SeqCst);
        Arc::clone(topic)
    }

    pub(super) fn topic_named(&self, name: &str) -> Option<Arc<Topic>> {
        self.named.read().get(name).cloned()
    }

    /// Somebody of this node is on a channel. Resolves when what is said there from now on reaches them, wherever it is said;
    /// while the backplane is away, when it is clear that it is.
    pub(crate) fn attach(
        self: &Arc<Self>,
        core: &Arc<Core>,
        tenant: Uuid,
        endpoint: Uuid,
        channel: &Arc<str>,
    ) -> BoxFuture<'static, Attached> {
        let topic = self.topic_or_new(tenant, (endpoint, Arc::clone(channel)));
        let (cluster, core) = (Arc::clone(self), Arc::clone(core));
        Box::pin(async move {
            topic.ready.get_or_init(|| cluster.begin(&core, &topic)).await;
            let counted = topic.counted.lock();
            Attached {
                counted: counted.base().map(|base| (base.offset, Arc::clone(&base.epoch))),
            }
        })
    }

    /// Begins to listen, and then asks where the channel stands: what came in between waits.
    async fn begin(self: &Arc<Self>, core: &Arc<Core>, topic: &Arc<Topic>) {
        let place = topic
            .place
            .get_or_init(|| self.place(topic.tenant, topic.key.0, &topic.key.1))
            .await;
        let Some(place) = place else { return };
        self.named
            .write()
            .insert(Arc::clone(&place.name), Arc::clone(topic));
        let heard = self.backplane.listen(vec![Arc::clone(&place.name)]).await;
        match core.admission.counting(topic.key.0) {
            Counting::Journal => self.search(core, topic).await,
            Counting::Memory | Counting::Nowhere if heard.is_ok() => {
                let names = vec![Arc::clone(&place.name)];
                if let Ok(mut standings) = self.backplane.standing(names, self.fresh()).await
                    && let Some(standing) = standings.pop()
                {
                    let mut counted = topic.counted.lock();
                    counted.stand_at(standing);
                    while let Some(said) = counted.next() {
                        core.hand_out(*said);
                    }
                }
            }
            Counting::Memory | Counting::Nowhere => {}
        }
        self.meet(core, topic).await;
    }

    /// Something is missing. It is waited for a moment, then read.
    pub(super) fn search_later(self: &Arc<Self>, topic: &Arc<Topic>) {
        let (cluster, topic) = (Arc::clone(self), Arc::clone(topic));
        self.spawn(async move {
            loop {
                tokio::time::sleep(HOLD).await;
                {
                    let mut recorded = topic.recorded.lock();
                    if !recorded.has_gap() {
                        recorded.searching = false;
                        return;
                    }
                }
                let Some(core) = cluster.core() else { return };
                cluster.search(&core, &topic).await;
                drop(core);
            }
        });
    }

    /// Compares with the journal, and delivers what was missed, each in its turn. What cannot be read any more is a gap that
    /// subscribers are told of by being sent away to come back.
    pub(super) async fn search(self: &Arc<Self>, core: &Arc<Core>, topic: &Arc<Topic>) {
        let (endpoint, channel) = &topic.key;
        let base = topic.recorded.lock().base().cloned();
        let (start, limit) = match &base {
            Some(base) => (Start::After(base.offset), MAKE_UP),
            None => (Start::Newest, 0),
        };
        let past = Past {
            tenant: topic.tenant,
            endpoint: *endpoint,
            channel: Arc::clone(channel),
            start,
            limit,
        };
        // The store cannot be read now: whatever comes next is looked at again.
        let Ok(stretch) = core.history.read(past).await else {
            return;
        };
        let top = stretch.as_ref().map(|stretch| Standing {
            epoch: Arc::clone(&stretch.epoch),
            offset: stretch.top,
        });
        let mut recorded = topic.recorded.lock();
        let Some(base) = base else {
            if recorded.base().is_none() {
                // Nothing was ever recorded: the first one begins a count, and waits for nothing before it.
                let begin = top.unwrap_or(Standing {
                    epoch: "".into(),
                    offset: 0,
                });
                recorded.stand_at(begin);
                while let Some(said) = recorded.next() {
                    core.hand_out(*said);
                }
            }
            return;
        };
        let (Some(top), Some(stretch)) = (top, stretch) else {
            return;
        };
        if top.epoch != base.epoch {
            // A count that began meanwhile is whole where all of it is here; the stretch begins elsewhere.
            if base.epoch.is_empty()
                && stretch
                    .messages
                    .first()
                    .is_some_and(|first| first.position.offset == 1)
            {
                recorded.stand_at(Standing {
                    epoch: Arc::clone(&top.epoch),
                    offset: 0,
                });
            } else {
                recorded.stand_at(top);
                drop(recorded);
                self.send_away(core, topic);
                return;
            }
        }
        let mut found = 0_u64;
        for message in stretch.messages {
            found += 1;
            let offset = message.position.offset;
            recorded.fill(offset, || {
                Box::new(Said {
                    tenant: topic.tenant,
                    endpoint: *endpoint,
                    channel: Arc::clone(channel),
                    subject: None,
                    // Whose it is and which class it has is not read, so that nobody can be asked whether it may be repeated.
                    is_clients: true,
                    except: None,
                    purpose: message.purpose,
                    class: 0,
                    published: 0,
                    expires_at: message.expires_at,
                    payload: message.payload,
                    position: Some(message.position),
                    tells_position: true,
                    at: tokio::time::Instant::now(),
                })
            });
        }
        while let Some(said) = recorded.next() {
            core.hand_out(*said);
        }
        let whole = recorded.base().is_some_and(|base| base.offset >= top.offset);
        if whole {
            if found > 0 {
                self.meters.made_up.increment(1);
            }
            return;
        }
        recorded.stand_at(top);
        while let Some(said) = recorded.next() {
            core.hand_out(*said);
        }
        drop(recorded);
        self.send_away(core, topic);
    }

    /// Those who are on a channel may have missed something that cannot be made up for: they come back, and are told so.
    pub(super) fn send_away(&self, core: &Core, topic: &Topic) {
        let (endpoint, channel) = &topic.key;
        let channel = core
            .hub
            .endpoint(*endpoint)
            .and_then(|endpoint| endpoint.channel(channel));
        if let Some(channel) = channel {
            let gates = channel.gates();
            if !gates.is_empty() {
                self.meters.sent_away.increment(1);
            }
            for gate in gates.iter() {
                gate.shut(Close::RECONNECT, Manner::Finish);
            }
        }
    }

    /// Compares where a channel stands.
    pub(super) async fn compare(self: &Arc<Self>, core: &Arc<Core>, topic: &Arc<Topic>) {
        if !topic.ready.initialized() {
            return;
        }
        let Some(Some(place)) = topic.place.get() else {
            return;
        };
        if core.admission.counting(topic.key.0) == Counting::Journal {
            return self.search(core, topic).await;
        }
        let names = vec![Arc::clone(&place.name)];
        let Ok(mut standings) = self.backplane.standing(names, self.fresh()).await else {
            return;
        };
        let Some(standing) = standings.pop() else { return };
        let same = {
            let mut counted = topic.counted.lock();
            let base = counted.base();
            let same =
                base.is_some_and(|base| base.epoch == standing.epoch && base.offset >= standing.offset);
            if !same {
                // What was heard in the meantime waits behind it.
                counted.stand_at(standing);
            }
            same
        };
        if !same {
            self.send_away(core, topic);
        }
    }

    /// Compares where all channels stand.
    pub(super) async fn compare_all(self: &Arc<Self>, core: &Arc<Core>) {
        let topics: Vec<_> = self.topics.read().values().cloned().collect();
        stream::iter(topics)
            .for_each_concurrent(COMPARE, |topic| async move { self.compare(core, &topic).await })
            .await;
    }

    /// Tells others to compare where they were not told something.
    pub(super) async fn tell_untold(&self) {
        let untold = std::mem::take(&mut *self.untold.lock());
        for (key, (tenant, what)) in untold {
            let outgoing = Outgoing::OnChannel {
                key: key.clone(),
                tenant,
                kind: Kind::Check,
                plain: Vec::new(),
                count: (what == Untold::Lost).then(|| self.fresh()),
            };
            if self.queue.send(outgoing).await.is_err() {
                return;
            }
        }
        if self.untold_all.swap(false, Ordering::SeqCst) {
            let bytes = self.head(Kind::Check, self.number()).with(&[]);
            let topic = self.control();
            let _ = self.queue.send(Outgoing::House { topic, bytes }).await;
        }
    }
}

/// Stops listening to what nobody is on any more.
pub(super) async fn sweep(cluster: Arc<Cluster>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(core) = cluster.core() else { return };
        let mut left = Vec::new();
        let all: Vec<_> = cluster.topics.read().values().cloned().collect();
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 channels")]
        cluster.meters.topics.set(all.len() as f64);
        for topic in all {
            let (endpoint, name) = &topic.key;
            let channel = core
                .hub
                .endpoint(*endpoint)
                .and_then(|endpoint| endpoint.channel(name));
            let used = channel.as_ref().is_some_and(|channel| channel.subscribers() > 0);
            if let (true, Some(channel)) = (used, &channel) {
                cluster.tell_count(&topic, channel);
                continue;
            }
            // Whoever left may be back at once: it takes two looks.
            if !topic.idle.swap(true, Ordering::SeqCst) || topic.notes.is_claiming() {
                continue;
            }
            let mut topics = cluster.topics.write();
            // Whoever subscribed since said so before this, or says so after it and begins anew.
            if topic.idle.load(Ordering::SeqCst) && topics.remove(&topic.key).is_some() {
                drop(topics);
                if let Some(channel) = channel {
                    channel.forget_far();
                }
                if let Some(Some(place)) = topic.place.get() {
                    cluster.named.write().remove(&place.name);
                    left.push(Arc::clone(&place.name));
                }
            }
        }
        drop(core);
        if !left.is_empty() {
            // Cut off, it is not listened to any more either.
            let _ = cluster.backplane.leave(left).await;
        }
    }
}
