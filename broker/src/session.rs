//! One end-user's socket, from registration to the last word about it. One task serves it; whatever ends that task, panics and
//! aborts included, the session is unregistered and its end is told exactly once.

mod back_line;
pub(crate) mod channel;
mod front;
mod lane;
mod pace;
pub(crate) mod pusher;
pub(crate) mod relay;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use self::front::Front;
use crate::{
    broker::Core,
    close::Close,
    cluster::{crowds::Local, rolls::Mark, topics::Attached},
    delivery::Delivery,
    gate::{Cutoff, Gate, Manner},
    host::{Happening, Identity, Known, Payload, Position, Traffic},
    hub::{
        Seat,
        channel::{Around, Member, Subscription, Welcome},
    },
    options::SessionOptions,
    pusher::{server, watchlist::Arrival},
};

/// A session's registration and its totals. Dropping it is the end of the session.
pub(crate) struct Life {
    pub(crate) core: Arc<Core>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) seat: Seat,
    /// Whether subscribers of its channels hear how many they are.
    counts: bool,
    /// Whether other nodes are told how many sockets its person and its address have.
    enrolled: bool,
    traffic: Traffic,
    counted: Traffic,
    report_at: Option<Instant>,
    /// Boxed: most sessions hear of nothing that is recorded.
    last: Option<Box<Position>>,
    /// Everything that was handed over left for the socket.
    settled: bool,
    /// Why it ended, once its socket did.
    why: Option<Box<Close>>,
    _served: TaskTrackerToken,
}

impl Life {
    pub(crate) fn begin(core: &Arc<Core>, who: Arc<Identity>, options: &SessionOptions) -> Self {
        let served = core.tracker.token();
        let gate = Arc::new(Gate::new(who, options.slow));
        let seat = core.hub.join(&gate, options.address);
        core.meters.sessions.increment(1);
        let life = Self {
            core: Arc::clone(core),
            gate,
            seat,
            counts: false,
            enrolled: options.enrolled && core.cluster.is_some(),
            traffic: Traffic::default(),
            counted: Traffic::default(),
            report_at: None,
            last: None,
            settled: true,
            why: None,
            _served: served,
        };
        life.enrol(life.person().into_iter().chain(life.address()), true);
        // After joining: whoever withdraws either finds the session in the hub, or is found here.
        life.check();
        life
    }

    fn person(&self) -> Option<Mark> {
        let who = &self.gate.identity;
        let subject = who.subject().filter(|_| self.enrolled);
        subject.map(|subject| Mark::person(who.endpoint, subject))
    }

    fn address(&self) -> Option<Mark> {
        let address = self.seat.address.filter(|_| self.enrolled);
        address.map(|address| Mark::address(self.gate.identity.endpoint, address))
    }

    fn enrol(&self, marks: impl Iterator<Item = Mark>, here: bool) {
        if let (true, Some(cluster)) = (self.enrolled, &self.core.cluster) {
            cluster.enrol(marks, here);
        }
    }

    /// Ends the session where the law or the house wants that.
    fn check(&self) {
        if let Err(refusal) = self.core.admission.may_stay(&self.gate.identity) {
            self.gate.shut(refusal.into(), Manner::Drop);
        } else if self.core.is_draining() || (self.gate.identity.subject().is_some() && self.core.is_fenced())
        {
            self.gate.shut(Close::RECONNECT, Manner::Drop);
        }
    }

    /// Lets subscribers of its channels hear how many they are.
    pub(crate) fn with_counts(mut self, counts: bool) -> Self {
        self.counts = counts;
        self
    }

    /// Learns whose session it is. Answers whether that agrees with what was known.
    pub(crate) fn identify(&self, person: Known) -> bool {
        let who = &self.gate.identity;
        if who.subject().is_some() {
            return who.subject() == Some(person.subject);
        }
        if !who.identify(person) {
            return false;
        }
        self.core.hub.identify(&self.gate);
        self.enrol(self.person().into_iter(), true);
        self.core.registry.identified(who);
        // The person may be one who may not be here, and only from now on a withdrawal finds the session.
        self.check();
        true
    }

    /// Subscribes to a channel. `None` where it takes no more members.
    pub(crate) fn subscribe(
        &mut self,
        channel: &Arc<str>,
        member: Option<&Member>,
        limit: u32,
    ) -> Option<Welcome> {
        let happened = |channel: &Arc<str>, what| self.happened(channel, what);
        let crowd = |channel: &Arc<str>, change: Local<'_>| self.crowd(channel, change);
        let around = self.around(&happened, &crowd);
        let endpoint = &self.seat.endpoint;
        let welcome = endpoint.subscribe(channel, &self.gate, member, limit, &around)?;
        self.core.meters.subscriptions.increment(1);
        Some(welcome)
    }

    /// Leaves a channel.
    pub(crate) fn unsubscribe(&self, subscription: Subscription) {
        let happened = |channel: &Arc<str>, what| self.happened(channel, what);
        let crowd = |channel: &Arc<str>, change: Local<'_>| self.crowd(channel, change);
        self.core.meters.subscriptions.decrement(1);
        subscription.end(self.gate.identity.session, &self.around(&happened, &crowd));
    }

    /// Says which user of the tenant's it is, and whom it watches; tells those who watch that user.
    pub(crate) fn sign_in(&mut self, user: &str, watchlist: Vec<Box<str>>) -> Arrival {
        let session = self.gate.identity.session;
        let mut arrival = self.seat.sign_in(session, user, watchlist);
        let online = Delivery::said(|out| server::watchlist_events(out, [user], []));
        self.tell(std::mem::take(&mut arrival.watchers), &online);
        arrival
    }

    fn tell(&self, sessions: Vec<uuid::Uuid>, what: &Arc<Delivery>) {
        for gate in self.core.hub.gates(sessions) {
            gate.tell(what, &self.core.settings);
        }
    }

    /// What is said on a channel that it is on reaches it from everywhere when this resolves. `None` where there is only
    /// this node.
    pub(crate) fn attach(&self, channel: &Arc<str>) -> Option<BoxFuture<'static, Attached>> {
        let cluster = self.core.cluster.as_ref()?;
        let who = &self.gate.identity;
        Some(cluster.attach(&self.core, who.tenant, who.endpoint, channel))
    }

    fn around<'a>(
        &'a self,
        happened: &'a dyn Fn(&Arc<str>, Happening),
        crowd: &'a dyn Fn(&Arc<str>, Local<'_>),
    ) -> Around<'a> {
        Around {
            settings: &self.core.settings,
            counts: self.counts,
            hears_of_members: true,
            happened,
            crowd: self.core.cluster.is_some().then_some(crowd),
        }
    }

    fn crowd(&self, channel: &Arc<str>, change: Local<'_>) {
        let who = &self.gate.identity;
        if let Some(cluster) = &self.core.cluster {
            cluster.crowd_changed(who.tenant, who.endpoint, channel, change);
        }
    }

    fn happened(&self, channel: &Arc<str>, what: Happening) {
        let who = &self.gate.identity;
        self.core
            .registry
            .happened(who.tenant, who.endpoint, channel, what);
    }

    fn received(&mut self, payload: &Payload) {
        self.traffic.messages_in += 1;
        self.traffic.bytes_in += payload.bytes.len() as u64;
        self.moved();
    }

    fn sent(&mut self, payload: &Payload, position: Option<&Position>) {
        self.traffic.messages_out += 1;
        self.traffic.bytes_out += payload.bytes.len() as u64;
        self.settled = false;
        if let Some(position) = position.filter(|position| position.id.is_some()) {
            match &mut self.last {
                Some(last) => last.as_mut().clone_from(position),
                last => *last = Some(Box::new(position.clone())),
            }
        }
        self.moved();
    }

    fn moved(&mut self) {
        if self.report_at.is_none() {
            self.report_at = Some(Instant::now() + self.core.settings.report_every);
        }
    }

    fn report(&mut self, now: Instant) {
        if self.report_at.is_some_and(|at| at <= now) {
            self.report_at = None;
            self.count();
            self.core.registry.active(&self.gate.identity, self.traffic);
        }
    }

    /// Adds to the shared counters what moved since the last time: not with each message, since all sessions share them.
    fn count(&mut self) {
        let (now, before) = (self.traffic, self.counted);
        self.counted = now;
        let meters = &self.core.meters;
        meters.messages_in.increment(now.messages_in - before.messages_in);
        meters
            .messages_out
            .increment(now.messages_out - before.messages_out);
        meters.bytes_in.increment(now.bytes_in - before.bytes_in);
        meters.bytes_out.increment(now.bytes_out - before.bytes_out);
        meters.dropped.increment(self.gate.take_dropped());
    }

    fn cutoff(&self) -> Cutoff {
        Cutoff {
            session: self.gate.identity.session,
            endpoint: self.gate.identity.endpoint,
            delivered: self.traffic.messages_out,
            last: self.last.as_deref().cloned(),
            exact: self.settled,
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for subscription in std::mem::take(&mut self.seat.subscriptions) {
            self.unsubscribe(subscription);
        }
        if let Some(departure) = self.core.hub.leave(&self.gate.identity, &self.seat) {
            let user = &*departure.user;
            let offline = Delivery::said(|out| server::watchlist_events(out, [], [user]));
            self.tell(departure.watchers, &offline);
        }
        self.enrol(self.person().into_iter().chain(self.address()), false);
        self.gate.end(&self.cutoff());
        self.count();
        let why = self.why.as_deref().unwrap_or(&Close::ABNORMAL).recorded();
        let who = &self.gate.identity;
        match why.code {
            1002 | 1003 | 1007 | 1009 => {
                tracing::info!(endpoint.id = %who.endpoint, session.id = %who.session, close = %why, "bad frames");
            }
            _ => {
                tracing::debug!(endpoint.id = %who.endpoint, session.id = %who.session, close = %why, "session closed");
            }
        }
        self.core.meters.closed(&why);
        self.core.registry.closed(&self.gate.identity, &why, self.traffic);
    }
}
