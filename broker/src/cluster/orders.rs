//! What must act on every node: an order goes to all, each does it and says so, and whoever gave it waits for that.
//!
//! Orders of one node are done in the order in which they were given: a person's standing is read before their sockets are
//! closed. A node that says nothing has lost its lease when the wait is over ([`super::lease`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, timeout_at},
};
use uuid::Uuid;

use super::{
    Cluster,
    beats::HOUSE,
    lease::{LEASE, WAIT},
    sender::Outgoing,
    wire::{Head, Kind},
};
use crate::{
    broker::{Broker, Core},
    called::FarPayload,
    census::{Cached, ChannelInfo},
    close::Close,
    gate::Cutoff,
    host::Position,
    hub::Selector,
    notice::Notice,
};

/// Orders that may wait to be done.
pub(super) const TO_DO: usize = 4_096;
/// How long a question waits for its answers. Who is slow is left out.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// What a node tells the others to do, or asks them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Order {
    /// Something changed in the store.
    House(Box<str>),
    /// Close sessions.
    Disconnect(Selector, u16, Box<str>),
    /// Drop what waits for a purpose.
    Silence(Selector, Uuid),
    /// Tell people something.
    Notify(Selector, Notice),
    /// Drop what is remembered of a person's.
    Forget(Uuid, Uuid),
    /// Close the sessions of a user.
    Terminate(Uuid, Uuid, Box<str>),
    /// Who is on channels whose names begin so.
    Channels(Uuid, Box<str>),
    /// Who is on a channel.
    Channel(Uuid, Box<str>),
    /// How many sessions.
    Sessions(Selector),
    /// What of an endpoint's sockets to its back end.
    Pool(Uuid),
    /// Say something to one session whose back end is called.
    Say(Uuid, Uuid, FarPayload),
    /// Who of yours is on this channel, and what was said last.
    Crowd(Uuid, Uuid, Box<str>),
}

impl Order {
    /// Whether it is only a question: nobody is harmed by a node that does not answer.
    fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Channels(..)
                | Self::Channel(..)
                | Self::Sessions(..)
                | Self::Pool(..)
                | Self::Say(..)
                | Self::Crowd(..)
        )
    }
}

/// A [`Cutoff`] on its way.
#[derive(Debug, Deserialize, Serialize)]
struct FarCutoff {
    session: Uuid,
    endpoint: Uuid,
    delivered: u64,
    last: Option<(Option<i64>, i64, Box<str>)>,
    exact: bool,
}

impl From<Cutoff> for FarCutoff {
    fn from(cutoff: Cutoff) -> Self {
        Self {
            session: cutoff.session,
            endpoint: cutoff.endpoint,
            delivered: cutoff.delivered,
            last: cutoff
                .last
                .map(|last| (last.id, last.offset, (*last.epoch).into())),
            exact: cutoff.exact,
        }
    }
}

impl From<FarCutoff> for Cutoff {
    fn from(far: FarCutoff) -> Self {
        Self {
            session: far.session,
            endpoint: far.endpoint,
            delivered: far.delivered,
            last: far.last.map(|(id, offset, epoch)| Position {
                id,
                offset,
                epoch: epoch.into(),
            }),
            exact: far.exact,
        }
    }
}

/// What a node has of a channel.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct FarChannel {
    pub(crate) name: Box<str>,
    pub(crate) subscriptions: u64,
    pub(crate) users: Option<Vec<Box<str>>>,
    /// In base64, and for how many milliseconds.
    cache: Option<(String, u64)>,
}

impl FarChannel {
    fn of(info: ChannelInfo, users: impl FnOnce() -> Vec<Box<str>>) -> Self {
        Self {
            name: (*info.name).into(),
            subscriptions: info.subscriptions,
            users: info.users.map(|_| users()),
            cache: info.cache.map(|cache| {
                let left = u64::try_from(cache.left.as_millis()).unwrap_or(u64::MAX);
                (BASE64.encode(&cache.data), left)
            }),
        }
    }

    pub(crate) fn cached(&self) -> Option<Cached> {
        let (data, left) = self.cache.as_ref()?;
        Some(Cached {
            data: BASE64.decode(data).ok()?.into(),
            left: Duration::from_millis(*left),
        })
    }
}

/// An order that was given.
pub(crate) struct Given {
    number: u64,
    at: Instant,
    /// It did not even get into the queue.
    lost: bool,
    is_question: bool,
    is_change: bool,
}

struct Waiting {
    left: BTreeSet<u64>,
    answers: Vec<(u64, Bytes)>,
    heard: Arc<Notify>,
    /// Hears each answer in its turn among everything else that its node says.
    at_once: Option<AtOnce>,
}

type AtOnce = Arc<dyn Fn(u64, &[u8]) + Send + Sync>;

/// Orders of this node's that others are doing.
#[derive(Default)]
pub(super) struct Orders {
    waiting: Mutex<BTreeMap<u64, Waiting>>,
    /// Changes that not everybody has followed.
    changes: Mutex<BTreeSet<u64>>,
    settled: Notify,
}

/// An order of another node's.
pub(super) struct ToDo {
    from: u64,
    number: u64,
    order: Order,
}

impl Orders {
    /// A node went in good order: it serves nobody any more.
    pub(super) fn gone(&self, node: u64) {
        for waiting in self.waiting.lock().values_mut() {
            if waiting.left.remove(&node) {
                waiting.heard.notify_one();
            }
        }
    }
}

impl Cluster {
    /// Gives an order, after all that were given before. [`Cluster::obeyed`] waits for it.
    pub(crate) fn give(&self, order: &Order) -> Given {
        self.give_and_hear(order, None)
    }

    /// As [`Cluster::give`]. `at_once` hears each answer when it comes, before anything that its node said later.
    pub(super) fn give_and_hear(&self, order: &Order, at_once: Option<AtOnce>) -> Given {
        let number = self.number();
        let is_change = matches!(order, Order::House(_));
        let waiting = Waiting {
            left: self.peers.ids().into_iter().collect(),
            answers: Vec::new(),
            heard: Arc::default(),
            at_once,
        };
        {
            let mut all = self.orders.waiting.lock();
            // What nobody waits for any more, since a request was dropped.
            while all.len() >= TO_DO {
                all.pop_first();
            }
            all.insert(number, waiting);
        }
        let lost = self.tell(order, number).is_err();
        Given {
            number,
            at: Instant::now(),
            lost: lost || !self.is_up(),
            is_question: order.is_question(),
            is_change,
        }
    }

    /// As [`Cluster::give`], of something that nobody waits for.
    pub(crate) fn mention(&self, order: &Order) {
        let _ = self.tell(order, self.number());
    }

    fn tell(&self, order: &Order, number: u64) -> Result<(), ()> {
        let plain = serde_json::to_vec(order).map_err(drop)?;
        let body = self.house.seal(HOUSE, &plain);
        let outgoing = Outgoing::House {
            topic: self.control(),
            bytes: self.head(Kind::Order, number).with(&body),
        };
        self.queue.try_send(outgoing).map_err(drop)
    }

    /// Waits until every node has done it, or serves nobody any more. Answers what they said.
    pub(crate) async fn obeyed<T: for<'a> Deserialize<'a>>(&self, given: Given) -> Vec<(u64, T)> {
        let patience = if given.is_question { ANSWERS_WITHIN } else { WAIT };
        let until = given.at + patience;
        let hopeless = given.is_question && given.lost;
        loop {
            let heard = {
                let waiting = self.orders.waiting.lock();
                let Some(one) = waiting.get(&given.number) else {
                    break;
                };
                if hopeless || one.left.is_empty() {
                    break;
                }
                Arc::clone(&one.heard)
            };
            if timeout_at(until, heard.notified()).await.is_err() {
                break;
            }
        }
        let done = self.orders.waiting.lock().remove(&given.number);
        let (left, answers) = done.map_or_else(Default::default, |done| (done.left, done.answers));
        if !given.is_question {
            // Who is not heard learns of a change from the store, or serves nobody when the wait is over. Of anything else it
            // learns nothing, however long it is waited for.
            let unheard = given.is_change && (given.lost || self.is_somebody_unheard());
            if unheard || !left.is_empty() {
                self.meters.unheeded.increment(1);
                tokio::time::sleep_until(until).await;
            }
            self.meters.order.record(given.at.elapsed());
        }
        let read = |(node, bytes): (u64, Bytes)| Some((node, serde_json::from_slice(&bytes).ok()?));
        answers.into_iter().filter_map(read).collect()
    }

    /// Tells all nodes of a change in the store. [`Cluster::settled`] waits until all have followed.
    pub(crate) fn change(self: &Arc<Self>, change: &str) -> u64 {
        let given = self.give(&Order::House(change.into()));
        let number = given.number;
        self.orders.changes.lock().insert(number);
        let cluster = Arc::clone(self);
        self.spawn(async move {
            cluster.obeyed::<()>(given).await;
            cluster.orders.changes.lock().remove(&number);
            cluster.orders.settled.notify_waiters();
        });
        number
    }

    /// Waits until these changes, or all so far, are followed everywhere.
    pub(crate) async fn settled(&self, which: Option<&[u64]>) {
        let mut open = match which {
            Some(numbers) => numbers.iter().copied().collect(),
            None => self.orders.changes.lock().clone(),
        };
        while !open.is_empty() {
            let settled = self.orders.settled.notified();
            tokio::pin!(settled);
            // From here on it hears; only then it looks.
            settled.as_mut().enable();
            {
                let now = self.orders.changes.lock();
                open.retain(|number| now.contains(number));
            }
            if open.is_empty() {
                return;
            }
            settled.await;
        }
    }

    /// Something from a node that is for nodes.
    pub(super) async fn hear_node(self: &Arc<Self>, head: Head, body: Bytes, to_do: &mpsc::Sender<ToDo>) {
        let Head { kind, from, number } = head;
        match kind {
            Kind::Goodbye if from != self.me => return self.hear_goodbye(from),
            Kind::Check => return self.hear_check(),
            Kind::Order if from != self.me => self.lease.begin((from, number)),
            Kind::Beat => {}
            Kind::Done | Kind::Roll | Kind::Spent if from != self.me => {}
            _ => return,
        }
        let plain = self.house.open(HOUSE, &body);
        match (kind, plain) {
            (Kind::Beat, Some(plain)) => self.hear_beat(from, number, &plain),
            (Kind::Roll, Some(plain)) => self.hear_roll(from, &plain),
            (Kind::Spent, Some(plain)) => self.hear_spent(&plain),
            (Kind::Done, Some(plain)) => {
                let at_once = self
                    .orders
                    .waiting
                    .lock()
                    .get(&number)
                    .and_then(|one| one.at_once.clone());
                if let Some(at_once) = at_once {
                    at_once(from, &plain);
                }
                let mut waiting = self.orders.waiting.lock();
                if let Some(one) = waiting.get_mut(&number) {
                    one.left.remove(&from);
                    one.answers.push((from, plain.into()));
                    one.heard.notify_one();
                }
            }
            (Kind::Order, plain) => {
                let read = |plain: Vec<u8>| serde_json::from_slice(&plain).ok();
                // What does not read may have been anything: everything is compared, as after a time of silence.
                let order = plain.and_then(read).unwrap_or_else(|| {
                    self.meters.unread.increment(1);
                    Order::House("".into())
                });
                let order = ToDo { from, number, order };
                // Full: those before it take too long, and end the lease.
                let _ = to_do.send(order).await;
            }
            _ => self.meters.unread.increment(1),
        }
    }

    /// More was missed than can be named.
    fn hear_check(self: &Arc<Self>) {
        let cluster = Arc::clone(self);
        self.spawn(async move {
            let Some(core) = cluster.core() else { return };
            cluster.compare_all(&core).await;
            let topics: Vec<_> = cluster.topics.read().values().cloned().collect();
            for topic in topics {
                if core.admission.counting(topic.key.0) != crate::host::Counting::Journal {
                    cluster.send_away(&core, &topic);
                }
            }
        });
    }

    fn answer(&self, from: u64, number: u64, answer: &impl Serialize) {
        self.lease.end((from, number));
        let Ok(plain) = serde_json::to_vec(answer) else {
            return;
        };
        let body = self.house.seal(HOUSE, &plain);
        let bytes = self.head(Kind::Done, number).with(&body);
        let topic = self.of_node(from);
        // Whoever waits in vain waits for the end of the lease.
        let _ = self.queue.try_send(Outgoing::House { topic, bytes });
    }

    async fn follow(self: &Arc<Self>, core: &Arc<Core>, change: &str) {
        self.forget_secrets();
        if !change.is_empty()
            && let Some(people) = self.house.heed(Bytes::copy_from_slice(change.as_bytes())).await
        {
            return core.enforce(people, false).await;
        }
        while !self.revalidate(core).await {
            sleep(LEASE / 6).await;
        }
    }
}

pub(super) async fn do_all(cluster: Arc<Cluster>, mut to_do: mpsc::Receiver<ToDo>) {
    while let Some(ToDo { from, number, order }) = to_do.recv().await {
        let Some(core) = cluster.core() else { return };
        let broker = Broker::of(&core);
        match order {
            Order::House(change) => {
                cluster.follow(&core, &change).await;
                cluster.answer(from, number, &());
            }
            Order::Notify(selector, notice) => {
                broker.notify_here(selector, notice);
                cluster.answer(from, number, &());
            }
            Order::Forget(tenant, subject) => {
                broker.forget_here(tenant, subject);
                cluster.answer(from, number, &());
            }
            Order::Disconnect(selector, number_of, reason) => {
                let why = Close::known(number_of, &reason);
                let cutting = broker.disconnect_here(selector, &why);
                cluster.when_done(from, number, async move {
                    let cutoffs = cutting.await.into_iter();
                    cutoffs.map(FarCutoff::from).collect::<Vec<_>>()
                });
            }
            Order::Silence(selector, purpose) => {
                let cutting = broker.silence_here(selector, purpose);
                cluster.when_done(from, number, async move {
                    let cutoffs = cutting.await.into_iter();
                    cutoffs.map(FarCutoff::from).collect::<Vec<_>>()
                });
            }
            Order::Terminate(tenant, endpoint, user) => {
                let cutting = broker.terminate_here(tenant, endpoint, &user);
                cluster.when_done(from, number, cutting);
            }
            Order::Channels(endpoint, prefix) => {
                let users = |name: &str| broker.users_here(endpoint, name);
                let found = broker.channels_here(endpoint, &prefix).into_iter();
                let found: Vec<_> = found
                    .map(|info| {
                        let name = Arc::clone(&info.name);
                        FarChannel::of(info, || users(&name))
                    })
                    .collect();
                cluster.answer(from, number, &found);
            }
            Order::Channel(endpoint, name) => {
                let info = broker.channel_here(endpoint, &name);
                let found = FarChannel::of(info, || broker.users_here(endpoint, &name));
                cluster.answer(from, number, &found);
            }
            Order::Sessions(selector) => {
                let count = core.hub.find(selector).len();
                cluster.answer(from, number, &count);
            }
            Order::Pool(endpoint) => cluster.answer(from, number, &broker.pool_here(endpoint)),
            Order::Say(endpoint, session, payload) => {
                let said = payload
                    .payload()
                    .and_then(|payload| broker.say_here(endpoint, session, payload));
                cluster.answer(from, number, &said);
            }
            Order::Crowd(tenant, endpoint, name) => {
                // Nobody comes or goes meanwhile, so what is said of that later is later than this.
                Cluster::crowd_here(&core, tenant, endpoint, &name, |crowd| {
                    cluster.answer(from, number, &crowd);
                });
            }
        }
    }
}

impl Cluster {
    fn when_done<T: Serialize + Send>(
        self: &Arc<Self>,
        from: u64,
        number: u64,
        doing: impl Future<Output = T> + Send + 'static,
    ) {
        let cluster = Arc::clone(self);
        self.spawn(async move {
            let done = doing.await;
            cluster.answer(from, number, &done);
        });
    }

    /// Closes sessions on the other nodes. Where they stood is answered when that is done.
    pub(crate) fn disconnect(&self, selector: Selector, why: &Close) -> Given {
        self.give(&Order::Disconnect(selector, why.code, (*why.reason).into()))
    }

    pub(crate) async fn cutoffs(&self, given: Given) -> Vec<Cutoff> {
        let all = self.obeyed::<Vec<FarCutoff>>(given).await;
        all.into_iter()
            .flat_map(|(_, some)| some)
            .map(Cutoff::from)
            .collect()
    }
}
