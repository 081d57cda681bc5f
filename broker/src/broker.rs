//! The broker of one node: the front door for everything else in this crate.

use std::{
    future::poll_fn,
    net::IpAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    called::{Called, Callee, FarPayload, Said},
    census::{ChannelInfo, Sum, TenantCensus},
    close::Close,
    cluster::{
        Cluster, Company, Nodes,
        orders::{FarChannel, Order},
        rolls::Mark,
        spent::{Charge, Spender},
    },
    delivery::{Delivery, said},
    egress::Egress,
    gate::{Cutoff, Gate, Manner},
    host::{Admission, History, Identity, Journal, Payload, Person, Registry},
    hub::{Hub, Scope, Selector, channel::Channel},
    meters::{Meters, UpstreamMeters},
    notice::Notice,
    options::{ChannelOptions, PusherOptions, RelayOptions},
    publish::{Post, PublishError, Published, Step},
    pusher::server,
    session::{channel, pusher, relay},
    settings::Settings,
    upstream::{Counts, Mux, NodePool, Places, Pool, PoolSettings, Pools, Turns},
    wheel::Wheel,
    wire::{Line, Socket, Wire},
};

/// What every session of a node shares.
pub(crate) struct Core {
    pub(crate) settings: Arc<Settings>,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) hub: Hub,
    pub(crate) wheel: Wheel<Gate>,
    pub(crate) meters: Meters,
    pub(crate) upstream_meters: Arc<UpstreamMeters>,
    /// Pools of sockets to back ends.
    pub(crate) pools: Pools,
    /// What counts those sockets.
    counts: Counts,
    /// Whose turn it is to open one.
    turns: Turns,
    places: Places,
    pub(crate) called: Called,
    /// Sessions that are being served.
    pub(crate) tracker: TaskTracker,
    draining: AtomicBool,
    /// The other nodes, where this is one of several.
    pub(crate) cluster: Option<Arc<Cluster>>,
}

impl Core {
    /// Whether people may not be served now, since it is not known what they said elsewhere.
    pub(crate) fn is_fenced(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.is_fenced())
    }

    /// What is known of these people may mean less than before: drops what waits and may not pass any more; `strictly`, ends
    /// the sessions that may not stay.
    pub(crate) async fn enforce(&self, people: Vec<Person>, strictly: bool) {
        let mut told = Vec::new();
        for (tenant, subject) in people {
            let scope = Scope::Subject(subject);
            for gate in self.hub.find(Selector { tenant, scope }) {
                let who = &gate.identity;
                let stays = self.admission.may_stay(who);
                told.push(match stays {
                    Err(refusal) if strictly => gate.shut_and_tell(refusal.into(), Manner::Drop),
                    _ => gate.sift(|purpose| who.may_get(self.admission.reach(who.endpoint, purpose))),
                });
            }
        }
        all(told).await;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

/// The sessions of one node, and the way to reach them. Cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Core>);

/// What a drain did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were told to go elsewhere.
    pub told: usize,
    /// Sessions that had not gone in time and were cut.
    pub cut: usize,
}

/// A drain tells the sessions one batch at a time, so that they do not all arrive elsewhere in the same instant.
const BATCHES: u32 = 50;

impl Broker {
    /// A broker with nobody connected. Install the metrics recorder first.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn new(
        settings: Settings,
        admission: Arc<dyn Admission>,
        journal: Arc<dyn Journal>,
        history: Arc<dyn History>,
        registry: Arc<dyn Registry>,
    ) -> Self {
        Self::put_together(settings, admission, journal, history, registry, None)
    }

    /// As [`Broker::new`], as one of several nodes that behave as one.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn with_others(
        settings: Settings,
        admission: Arc<dyn Admission>,
        journal: Arc<dyn Journal>,
        history: Arc<dyn History>,
        registry: Arc<dyn Registry>,
        nodes: Nodes,
    ) -> Self {
        let (cluster, outgoing, heard) = Cluster::new(nodes);
        let joined = Some(Arc::clone(&cluster));
        let broker = Self::put_together(settings, admission, journal, history, registry, joined);
        cluster.run(&broker.0, outgoing, heard);
        broker
    }

    pub(crate) fn of(core: &Arc<Core>) -> Self {
        Self(Arc::clone(core))
    }

    fn put_together(
        settings: Settings,
        admission: Arc<dyn Admission>,
        journal: Arc<dyn Journal>,
        history: Arc<dyn History>,
        registry: Arc<dyn Registry>,
        cluster: Option<Arc<Cluster>>,
    ) -> Self {
        let tracker = TaskTracker::new();
        // Closed only says that somebody may wait for it to run empty; sessions are still taken.
        tracker.close();
        let wheel = Wheel::start(settings.tick);
        let counts = cluster
            .as_ref()
            .map_or_else(Counts::here, |cluster| Counts::Nodes(Arc::downgrade(cluster)));
        let (dials, waiting) = (settings.dials, settings.waiting);
        let upstream_meters = UpstreamMeters::new();
        let places = Places::new(waiting, upstream_meters.crowded.clone());
        let core = Arc::new(Core {
            settings: Arc::new(settings),
            admission,
            journal,
            history,
            registry,
            hub: Hub::new(),
            wheel,
            meters: Meters::new(),
            upstream_meters: Arc::new(upstream_meters),
            pools: Pools::default(),
            counts,
            turns: Turns::new(dials),
            places,
            called: Called::default(),
            tracker,
            draining: AtomicBool::new(false),
            cluster,
        });
        // Ends with the broker: it holds no part of it while it waits.
        tokio::spawn(sweep(Arc::downgrade(&core)));
        Self(core)
    }

    /// Publishes one message on a channel. Returns after it was recorded and delivered, in the order its passage asks for.
    ///
    /// # Errors
    /// [`PublishError`] when it was refused, or could not be recorded.
    pub async fn publish(&self, post: Post) -> Result<Published, PublishError> {
        match self.0.publish(post)? {
            Step::Done(published) => Ok(published),
            Step::Recording(recording) => Ok(recording.await?),
        }
    }

    /// Publishes several messages: all of them are admitted and queued in order before the first is waited for.
    pub async fn publish_all(&self, posts: Vec<Post>) -> Vec<Result<Published, PublishError>> {
        let steps: Vec<_> = posts
            .into_iter()
            .map(|post| {
                let step = self.0.publish(post);
                async move {
                    match step? {
                        Step::Done(published) => Ok(published),
                        Step::Recording(recording) => Ok(recording.await?),
                    }
                }
            })
            .collect();
        join_all(steps).await
    }

    /// Serves an end-user's socket that speaks the Pusher protocol until it ends, and says why it did. `io` is a stream whose
    /// opening handshake is done.
    pub fn serve_pusher<IO: Socket>(
        &self,
        io: IO,
        who: Arc<Identity>,
        options: &PusherOptions,
    ) -> impl Future<Output = Close> + use<IO> {
        pusher::serve(&self.0, io, who, options)
    }

    /// Tells a client that speaks the Pusher protocol why it may not come in: an error event, then the close.
    pub async fn refuse_pusher<IO: Socket>(&self, io: IO, why: Close) {
        let error = said(|out| server::error(out, Some(why.code), &why.reason));
        self.turn_away(io, why, Some(error)).await;
    }

    /// Serves an end-user's socket on one channel until it ends, and says why it did. `io` is a stream whose opening handshake
    /// is done; spawn the future, and drop it to cut the socket.
    pub fn serve_channel<IO: Socket>(
        &self,
        io: IO,
        who: Arc<Identity>,
        options: ChannelOptions,
    ) -> impl Future<Output = Close> + use<IO> {
        channel::serve(&self.0, io, who, options)
    }

    /// Serves an end-user's socket that is tied to a socket of the tenant's back end, until it ends, and says why it did.
    pub async fn serve_relay<IO: Socket>(
        &self,
        io: IO,
        who: Arc<Identity>,
        options: RelayOptions,
        pool: Pool,
    ) -> Close {
        relay::serve(Arc::clone(&self.0), io, who, options, relay::own(pool)).await
    }

    /// As [`Broker::serve_relay`], sharing a socket to the back end with others. `about` is what the back end is told of the
    /// session: JSON.
    pub async fn serve_shared<IO: Socket>(
        &self,
        io: IO,
        who: Arc<Identity>,
        options: RelayOptions,
        mux: Mux,
        about: Bytes,
    ) -> Close {
        let search = relay::shared(mux, who.session, about);
        relay::serve(Arc::clone(&self.0), io, who, options, search).await
    }

    /// As [`Broker::serve_relay`], of a back end without sockets, which is called.
    pub async fn serve_called<IO: Socket>(
        &self,
        io: IO,
        who: Arc<Identity>,
        options: RelayOptions,
        callee: Box<dyn Callee>,
    ) -> Close {
        let core = Arc::clone(&self.0);
        let (endpoint, session, slow) = (who.endpoint, who.session, options.session.slow);
        let search = relay::called(Arc::clone(&core), endpoint, session, slow, callee);
        relay::serve(core, io, who, options, search).await
    }

    /// Says something to one session whose back end is called, on whatever node it is. None where there is no such session.
    pub async fn say(&self, endpoint: Uuid, session: Uuid, payload: Payload) -> Option<Said> {
        if let Some(said) = self.say_here(endpoint, session, payload.clone()) {
            return Some(said);
        }
        let cluster = self.0.cluster.as_ref()?;
        let given = cluster.give(&Order::Say(endpoint, session, FarPayload::of(&payload)));
        let answers = cluster.obeyed::<Option<Said>>(given).await;
        answers.into_iter().find_map(|(_, said)| said)
    }

    pub(crate) fn say_here(&self, endpoint: Uuid, session: Uuid, payload: Payload) -> Option<Said> {
        self.0.called.say(endpoint, session, payload)
    }

    /// Tells an end-user why they may not come in: closes a socket that never becomes a session. `io` is a stream whose
    /// opening handshake is done.
    pub async fn refuse<IO: Socket>(&self, io: IO, why: Close) {
        self.turn_away(io, why, None).await;
    }

    async fn turn_away<IO: Socket>(&self, io: IO, why: Close, before: Option<Bytes>) {
        let settings = &self.0.settings;
        let _served = self.0.tracker.token();
        let saying = async {
            // Whatever the client sends is thrown away, so what it may send does not matter.
            let mut wire = Wire::server(io, settings, 125);
            if poll_fn(|cx| wire.poll_ready(cx)).await.is_err() {
                return;
            }
            if let Some(before) = &before {
                wire.feed_frame(before);
            }
            if wire.close(&why).is_err() {
                return;
            }
            if poll_fn(|cx| wire.poll_flush(cx)).await.is_ok() {
                poll_fn(|cx| wire.poll_linger(cx)).await;
            }
        };
        // Who does not answer in time is cut.
        let _ = tokio::time::timeout(settings.close_timeout, saying).await;
    }

    /// Opens a pool of sockets to a tenant's back end. It closes its warm sockets when its last clone is dropped.
    pub fn open_pool(&self, settings: PoolSettings, egress: Egress) -> Pool {
        let pool = Pool::open(
            settings,
            egress,
            Arc::clone(&self.0.settings),
            Arc::clone(&self.0.upstream_meters),
            self.0.counts.clone(),
            self.0.turns.clone(),
            self.0.places.clone(),
        );
        self.0.pools.add(&pool);
        pool
    }

    /// What each node has of an endpoint's sockets to its back end, this one first.
    pub async fn pool(&self, endpoint: Uuid) -> Vec<NodePool> {
        let here = self.pool_here(endpoint);
        let Some(cluster) = &self.0.cluster else {
            return vec![here];
        };
        let given = cluster.give(&Order::Pool(endpoint));
        let mut all = vec![here];
        let elsewhere = cluster.obeyed::<NodePool>(given).await;
        all.extend(elsewhere.into_iter().map(|(_, pool)| pool));
        all[1..].sort_by(|a, b| a.node.cmp(&b.node));
        all
    }

    pub(crate) fn pool_here(&self, endpoint: Uuid) -> NodePool {
        NodePool {
            node: self
                .0
                .cluster
                .as_ref()
                .map_or("", |cluster| cluster.name())
                .into(),
            stats: self.0.pools.stats(endpoint),
        }
    }

    /// Closes sessions, and drops what waits for them. When the future resolves, nothing more is written to any of them:
    /// each answered, had ended by itself, or was cut because it was stuck.
    ///
    /// Make the state that [`Admission`] answers from say no before calling this, so that nobody slips in meanwhile.
    pub async fn disconnect(&self, selector: Selector, why: Close) -> Vec<Cutoff> {
        let elsewhere = self.0.cluster.as_ref();
        let elsewhere = elsewhere.map(|cluster| (cluster, cluster.disconnect(selector, &why)));
        let mut cutoffs = self.disconnect_here(selector, &why).await;
        if let Some((cluster, given)) = elsewhere {
            cutoffs.extend(cluster.cutoffs(given).await);
        }
        cutoffs
    }

    /// As [`Broker::disconnect`], of this node's sessions only.
    pub fn disconnect_here(
        &self,
        selector: Selector,
        why: &Close,
    ) -> impl Future<Output = Vec<Cutoff>> + Send + 'static + use<> {
        let told = self
            .0
            .hub
            .find(selector)
            .iter()
            .map(|gate| gate.shut_and_tell(why.clone(), Manner::Drop))
            .collect();
        all(told)
    }

    /// Drops what waits for sessions and a purpose. The sessions stay. When the future resolves, no message that was
    /// admitted for the purpose before the call is written any more.
    ///
    /// Make the state that [`Admission`] answers from say no before calling this.
    pub async fn silence(&self, selector: Selector, purpose: Uuid) -> Vec<Cutoff> {
        let elsewhere = self.0.cluster.as_ref();
        let elsewhere = elsewhere.map(|cluster| (cluster, cluster.give(&Order::Silence(selector, purpose))));
        let mut cutoffs = self.silence_here(selector, purpose).await;
        if let Some((cluster, given)) = elsewhere {
            cutoffs.extend(cluster.cutoffs(given).await);
        }
        cutoffs
    }

    pub(crate) fn silence_here(
        &self,
        selector: Selector,
        purpose: Uuid,
    ) -> impl Future<Output = Vec<Cutoff>> + Send + 'static + use<> {
        let gates = self.0.hub.find(selector);
        all(gates.iter().map(|gate| gate.silence(purpose)).collect())
    }

    /// Tells sessions what changed about their person, where their clients asked for that. Call it before the withdrawal that
    /// it announces.
    pub fn notify(&self, selector: Selector, notice: Notice) {
        if let Some(cluster) = &self.0.cluster {
            cluster.mention(&Order::Notify(selector, notice.clone()));
        }
        self.notify_here(selector, notice);
    }

    pub(crate) fn notify_here(&self, selector: Selector, notice: Notice) {
        let notice = Delivery::notice(notice);
        for gate in self.0.hub.find(selector) {
            gate.tell(&notice, &self.0.settings);
        }
    }

    /// Forgets the events that are kept for those who come later and that came from this person.
    pub fn forget(&self, tenant: Uuid, subject: Uuid) {
        if let Some(cluster) = &self.0.cluster {
            cluster.mention(&Order::Forget(tenant, subject));
        }
        self.forget_here(tenant, subject);
    }

    pub(crate) fn forget_here(&self, tenant: Uuid, subject: Uuid) {
        for endpoint in self.0.hub.endpoints_of(tenant) {
            for channel in endpoint.channels().iter().filter(|channel| channel.is_cache()) {
                channel.forget(subject);
            }
        }
    }

    /// Closes every session that signed in as this user of the endpoint, and says how many there were.
    pub async fn terminate_user(&self, tenant: Uuid, endpoint: Uuid, user: &str) -> usize {
        let elsewhere = self.0.cluster.as_ref();
        let order = Order::Terminate(tenant, endpoint, user.into());
        let elsewhere = elsewhere.map(|cluster| (cluster, cluster.give(&order)));
        let mut count = self.terminate_here(tenant, endpoint, user).await;
        if let Some((cluster, given)) = elsewhere {
            let counts = cluster.obeyed::<usize>(given).await;
            count += counts.into_iter().map(|(_, count)| count).sum::<usize>();
        }
        count
    }

    pub(crate) fn terminate_here(
        &self,
        tenant: Uuid,
        endpoint: Uuid,
        user: &str,
    ) -> impl Future<Output = usize> + Send + 'static + use<> {
        let gates = self.0.hub.of_user(tenant, endpoint, user);
        let told = gates
            .iter()
            .map(|gate| gate.shut_and_tell(Close::UNAUTHORIZED, Manner::Drop))
            .collect();
        async move { all(told).await.len() }
    }

    /// The channels of an endpoint that somebody is subscribed to and whose names begin so, sorted by name.
    pub async fn channels(&self, endpoint: Uuid, prefix: &str) -> Vec<ChannelInfo> {
        let here = self.channels_here(endpoint, prefix);
        let Some(cluster) = &self.0.cluster else {
            return here;
        };
        let given = cluster.give(&Order::Channels(endpoint, prefix.into()));
        let elsewhere = cluster.obeyed::<Vec<FarChannel>>(given).await;
        let mut sum = Sum::default();
        for info in here {
            let users = info.users.map(|_| self.users_here(endpoint, &info.name));
            sum.add(info, users);
        }
        for far in elsewhere.into_iter().flat_map(|(_, far)| far) {
            sum.add_far(far);
        }
        sum.finish()
    }

    /// As [`Broker::channels`], of this node only.
    pub fn channels_here(&self, endpoint: Uuid, prefix: &str) -> Vec<ChannelInfo> {
        let channels = self.0.hub.endpoint(endpoint).map(|endpoint| endpoint.channels());
        let mut found: Vec<_> = channels
            .iter()
            .flatten()
            .filter(|channel| channel.name.starts_with(prefix) && channel.subscribers() > 0)
            .map(|channel| self.info(endpoint, channel))
            .collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// One channel of an endpoint; zeroes where nobody is subscribed.
    pub async fn channel(&self, endpoint: Uuid, name: &str) -> ChannelInfo {
        let here = self.channel_here(endpoint, name);
        let Some(cluster) = &self.0.cluster else {
            return here;
        };
        let given = cluster.give(&Order::Channel(endpoint, name.into()));
        let elsewhere = cluster.obeyed::<FarChannel>(given).await;
        let mut sum = Sum::default();
        let users = here.users.map(|_| self.users_here(endpoint, name));
        sum.add(here.clone(), users);
        for (_, far) in elsewhere {
            sum.add_far(far);
        }
        sum.finish().pop().unwrap_or(here)
    }

    /// As [`Broker::channel`], of this node only.
    pub fn channel_here(&self, endpoint: Uuid, name: &str) -> ChannelInfo {
        let found = self.0.hub.endpoint(endpoint);
        match found.and_then(|endpoint| endpoint.channel(name)) {
            Some(channel) => self.info(endpoint, &channel),
            // One that was never there says the same as one that everybody left.
            None => self.info(endpoint, &Channel::new(&name.into())),
        }
    }

    fn info(&self, endpoint: Uuid, channel: &Channel) -> ChannelInfo {
        let admission = &self.0.admission;
        channel.info(|origin| admission.is_readable(endpoint, &channel.name, origin.class, origin.published))
    }

    /// The members of a presence channel, by the tenant's own ids.
    pub async fn users(&self, endpoint: Uuid, channel: &str) -> Vec<Box<str>> {
        let mut users = self.users_here(endpoint, channel);
        if let Some(cluster) = &self.0.cluster {
            let given = cluster.give(&Order::Channel(endpoint, channel.into()));
            for (_, far) in cluster.obeyed::<FarChannel>(given).await {
                users.extend(far.users.into_iter().flatten());
            }
            users.sort_unstable();
            users.dedup();
        }
        users
    }

    /// As [`Broker::users`], of this node only.
    pub fn users_here(&self, endpoint: Uuid, channel: &str) -> Vec<Box<str>> {
        let endpoint = self.0.hub.endpoint(endpoint);
        let channel = endpoint.and_then(|endpoint| endpoint.channel(channel));
        channel.map(|channel| channel.users()).unwrap_or_default()
    }

    /// How many sessions of a person are on this node.
    pub fn count_subject(&self, tenant: Uuid, subject: Uuid) -> usize {
        let scope = Scope::Subject(subject);
        self.0.hub.find(Selector { tenant, scope }).len()
    }

    /// How many sessions of an endpoint come from an address: on this node and, a moment ago, on the others that are heard, where
    /// [`SessionOptions::enrolled`](crate::SessionOptions::enrolled) lets these tell. Those of one IPv6 network of 64 bits count together.
    pub fn count_address(&self, endpoint: Uuid, address: IpAddr) -> usize {
        let here = self.0.hub.of_address(endpoint, address);
        here + self.enrolled_elsewhere(|| Mark::address(endpoint, address))
    }

    /// How many sessions of an endpoint are a person's, as [`Broker::count_address`] counts.
    pub fn count_subject_on(&self, tenant: Uuid, endpoint: Uuid, subject: Uuid) -> usize {
        let scope = Scope::SubjectOn { subject, endpoint };
        let here = self.0.hub.find(Selector { tenant, scope }).len();
        here + self.enrolled_elsewhere(|| Mark::person(endpoint, subject))
    }

    fn enrolled_elsewhere(&self, mark: impl FnOnce() -> Mark) -> usize {
        let cluster = self.0.cluster.as_ref();
        cluster.map_or(0, |cluster| cluster.enrolled_elsewhere(mark()))
    }

    /// Somebody used up one of a rate that all nodes count together.
    pub fn spent(&self, spender: Spender) {
        if let Some(cluster) = &self.0.cluster {
            cluster.spent(spender);
        }
    }

    /// What is to be done here with what is spent on other nodes. To be said once.
    pub fn on_spent_elsewhere(&self, charge: Charge) {
        if let Some(cluster) = &self.0.cluster {
            cluster.on_spent_elsewhere(charge);
        }
    }

    /// What each tenant has on this node.
    pub fn census(&self) -> Vec<TenantCensus> {
        self.0.hub.census()
    }

    /// Deliveries that wait at all sessions of this node together.
    pub fn queue_depth(&self) -> usize {
        self.0.hub.all().iter().map(|gate| gate.depth()).sum()
    }

    /// Who is connected to this node, of those selected.
    pub fn sessions(&self, selector: Selector) -> Vec<Arc<Identity>> {
        self.0
            .hub
            .find(selector)
            .iter()
            .map(|gate| Arc::clone(&gate.identity))
            .collect()
    }

    /// How many sessions of a tenant there are, on this node and, a moment ago, on the others that are heard.
    pub fn count_tenant(&self, tenant: Uuid) -> usize {
        self.0.hub.of_tenant(tenant) + self.elsewhere(tenant)
    }

    /// How many sessions of an endpoint there are, as [`Broker::count_tenant`] counts.
    pub fn count_endpoint(&self, endpoint: Uuid) -> usize {
        self.0.hub.of_endpoint(endpoint) + self.elsewhere(endpoint)
    }

    fn elsewhere(&self, of: Uuid) -> usize {
        let cluster = self.0.cluster.as_ref();
        cluster.map_or(0, |cluster| cluster.sessions_elsewhere(of))
    }

    /// How it stands with the other nodes; `None` where there is only this one.
    pub fn company(&self) -> Option<Company> {
        self.0.cluster.as_ref().map(|cluster| cluster.company())
    }

    /// The nodes that the store knows as there. One that is not heard may be there all the same, so a change that has to act
    /// everywhere waits for its lease.
    pub fn known_nodes(&self, names: Vec<Box<str>>) {
        if let Some(cluster) = &self.0.cluster {
            cluster.known_nodes(names);
        }
    }

    /// Tells the other nodes of a change in the store, in words that their [`host::House`](crate::host::House) understands.
    /// Does not wait: that is what [`Broker::settled`] is for.
    /// Answers its number; `None` where there is only this node.
    pub fn change(&self, change: &str) -> Option<u64> {
        self.0.cluster.as_ref().map(|cluster| cluster.change(change))
    }

    /// Waits until these changes act on all nodes, as [`Broker::settled`] does.
    pub async fn followed(&self, changes: &[u64]) {
        if let Some(cluster) = &self.0.cluster {
            cluster.settled(Some(changes)).await;
        }
    }

    /// Waits until every change so far acts on all nodes: each has said so, or serves nobody who could be concerned.
    pub async fn settled(&self) {
        if let Some(cluster) = &self.0.cluster {
            cluster.settled(None).await;
        }
    }

    /// Tells the other nodes that this one goes. When its sessions are gone.
    pub async fn leave(&self) {
        if let Some(cluster) = &self.0.cluster {
            cluster.leave().await;
        }
    }

    /// Sends everybody elsewhere: delivers what waits for them, closes with 4200 over the first half of `within`, waits
    /// for the rest of it, and cuts who is still there. Sessions that arrive meanwhile are closed at once. There is no way back.
    pub async fn drain(&self, within: Duration) -> Drained {
        let deadline = Instant::now() + within;
        self.0.draining.store(true, Ordering::SeqCst);
        let gates = self.0.hub.all();
        let told = gates.len();
        let batch = told.div_ceil(BATCHES as usize).max(1);
        for gates in gates.chunks(batch) {
            for gate in gates {
                gate.shut(Close::RECONNECT, Manner::Finish);
            }
            if self.0.tracker.is_empty() {
                break;
            }
            tokio::time::sleep(within / 2 / BATCHES).await;
        }
        drop(gates);
        if tokio::time::timeout_at(deadline, self.0.tracker.wait())
            .await
            .is_ok()
        {
            return Drained { told, cut: 0 };
        }
        let late: Vec<Arc<Gate>> = self.0.hub.all();
        for gate in &late {
            gate.shut(Close::RECONNECT, Manner::Sever);
        }
        // A cut session needs a turn of its task, no more.
        let _ = tokio::time::timeout(self.0.settings.cut_within, self.0.tracker.wait()).await;
        Drained {
            told,
            cut: late.len(),
        }
    }
}

/// How often channels that nobody uses are looked for, and numbers of subscribers are told that changed meanwhile.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Keeps the channels in order for as long as the broker is there.
async fn sweep(core: Weak<Core>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(core) = core.upgrade() else { return };
        core.hub.sweep(Instant::now(), |endpoint| {
            let happened = |channel: &Arc<str>, what| {
                core.registry
                    .happened(endpoint.tenant, endpoint.id, channel, what);
            };
            for channel in endpoint.channels() {
                channel.catch_up(&core.settings, &happened);
            }
        });
    }
}

/// Waits for everybody's word. A session answers even when its task is dropped, so none is missing.
async fn all(told: Vec<oneshot::Receiver<Cutoff>>) -> Vec<Cutoff> {
    join_all(told).await.into_iter().flatten().collect()
}
