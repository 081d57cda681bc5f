//! One end-user's socket, from registration to the last word about it. One task serves it; whatever ends that task, panics and
//! aborts included, the session is unregistered and its end is told exactly once.

pub(crate) mod channel;
mod lane;
pub(crate) mod relay;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    broker::Core,
    close::Close,
    gate::{Cutoff, Gate, Manner, Order},
    host::{Identity, Payload, Position, Traffic},
    hub::Seat,
    leg::{Inbound, Leg},
    wire::{Socket, Wire},
};

/// A session's registration and its totals. Dropping it is the end of the session.
pub(crate) struct Life {
    pub(crate) core: Arc<Core>,
    pub(crate) gate: Arc<Gate>,
    seat: Seat,
    traffic: Traffic,
    counted: Traffic,
    report_at: Option<Instant>,
    last: Option<Position>,
    /// Everything that was handed over left for the socket.
    settled: bool,
    why: Close,
    _served: TaskTrackerToken,
}

impl Life {
    pub(crate) fn begin(core: &Arc<Core>, who: Arc<Identity>, channel: Option<&Arc<str>>) -> Self {
        let served = core.tracker.token();
        let gate = Arc::new(Gate::new(who));
        let seat = core.hub.join(&gate, channel);
        core.meters.sessions.increment(1);
        let life = Self {
            core: Arc::clone(core),
            gate,
            seat,
            traffic: Traffic::default(),
            counted: Traffic::default(),
            report_at: None,
            last: None,
            settled: true,
            why: Close::ABNORMAL,
            _served: served,
        };
        // After joining: whoever withdraws either finds the session in the hub, or is found here.
        if let Err(refusal) = core.admission.may_stay(&life.gate.identity) {
            life.gate.shut(refusal.into(), Manner::Drop);
        } else if core.is_draining() {
            life.gate.shut(Close::RECONNECT, Manner::Drop);
        }
        life
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
        if let Some(position) = position {
            self.last = Some(position.clone());
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
    }

    fn cutoff(&self) -> Cutoff {
        Cutoff {
            session: self.gate.identity.session,
            endpoint: self.gate.identity.endpoint,
            delivered: self.traffic.messages_out,
            last: self.last.clone(),
            exact: self.settled,
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.core.hub.leave(&self.gate.identity, &self.seat);
        self.gate.end(&self.cutoff());
        self.count();
        let why = self.why.recorded();
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

/// The end-user's side of a session: the socket, and the gate before it.
pub(crate) struct Front<IO> {
    // Before `life`: fields drop in this order, and the drop of `life` tells that the socket is gone.
    leg: Leg<Wire<IO>>,
    expires_at: Option<Instant>,
    /// Until when a socket that somebody waits for must have settled.
    settle_by: Option<Instant>,
    /// When the oldest message of the write under way was published.
    oldest: Option<Instant>,
    pub(crate) life: Life,
}

impl<IO: Socket> Front<IO> {
    pub(crate) async fn new(life: Life, io: IO, max_message: usize, expires_at: Option<Instant>) -> Self {
        let settings = &life.core.settings;
        let wire = Wire::server(io, settings, max_message);
        // The low half of an id is its random half.
        let leg = Leg::new(wire, settings, life.gate.identity.session.as_u64_pair().1);
        Self {
            leg,
            expires_at,
            settle_by: None,
            oldest: None,
            life,
        }
    }

    pub(crate) fn leg(&self) -> &Leg<Wire<IO>> {
        &self.leg
    }

    /// Starts the closing handshake. The first reason counts.
    pub(crate) fn close(&mut self, why: Close) {
        self.leg.close(why, &self.life.core.settings);
    }

    pub(crate) fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Poll<Inbound> {
        let inbound = self.leg.poll_inbound(cx, &self.life.core.settings);
        if let Poll::Ready(Inbound::Message(payload)) = &inbound {
            self.life.received(payload);
        }
        inbound
    }

    /// Ready when [`Front::feed`] may be called.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.leg.poll_ready(cx, &self.life.core.settings)
    }

    /// Hands a message to the socket, past the queue: for the session's own task, which obeyed the gate just before.
    pub(crate) fn feed(&mut self, payload: &Payload, position: Option<&Position>, at: Instant) {
        self.leg.feed(payload);
        self.life.sent(payload, position);
        self.oldest.get_or_insert(at);
    }

    /// Follows the gate's orders, moves what waits to the socket, and tells who is to be told.
    pub(crate) fn poll_outbound(&mut self, cx: &mut Context<'_>) {
        while self.leg.is_open() {
            let ready = self.poll_ready(cx).is_ready();
            match self.life.gate.next(ready) {
                Order::Send(delivery) => {
                    self.feed(&delivery.payload, delivery.position.as_ref(), delivery.at);
                }
                Order::Close(why, Manner::Sever) => self.leg.lose(why),
                Order::Close(why, _) => self.close(why),
                Order::Settle => {
                    if self.poll_flush(cx).is_pending() {
                        break;
                    }
                    self.acknowledge();
                }
                Order::Idle => break,
            }
        }
        let settled = self.poll_flush(cx).is_ready();
        if !self.leg.is_open() {
            self.life.why = self.leg.why().clone();
            if self.life.gate.is_severed() {
                self.leg.lose(Close::ABNORMAL);
            } else if settled {
                self.acknowledge();
            }
        }
        if !settled && self.settle_by.is_none() && self.life.gate.is_awaited() {
            self.settle_by = Some(Instant::now() + self.life.core.settings.cut_within);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = self.leg.poll_flush(cx, &self.life.core.settings);
        if flushed.is_ready() {
            self.life.settled = true;
            if let Some(at) = self.oldest.take() {
                self.life.core.meters.lag.record(at.elapsed());
            }
        }
        flushed
    }

    fn acknowledge(&mut self) {
        self.settle_by = None;
        self.life.gate.acknowledge(&self.life.cutoff());
    }

    pub(crate) fn deadline(&self) -> Instant {
        let expires_at = self.expires_at.filter(|_| self.leg.is_open());
        [
            self.leg.deadline(),
            self.settle_by,
            self.life.report_at,
            expires_at,
        ]
        .into_iter()
        .flatten()
        .min()
        // A lost leg ends its session in the same turn.
        .unwrap_or_else(Instant::now)
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.life.report(now);
        if self.settle_by.is_some_and(|by| by <= now) {
            self.leg.lose(Close::SLOW_CONSUMER);
        } else if self.expires_at.is_some_and(|at| at <= now) {
            self.close(Close::TOKEN_EXPIRED);
        }
        self.leg.tick(now, &self.life.core.settings);
    }

    /// The last word.
    pub(crate) fn finish(mut self) -> Close {
        self.life.why = self.leg.why().clone();
        self.life.why.clone()
    }
}

/// Ready at `at` or before; the caller looks what is due. An alarm that would ring too early is left alone, which is
/// cheaper than moving it with each message.
pub(crate) fn poll_alarm(mut alarm: Pin<&mut Sleep>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if at < alarm.deadline() || alarm.is_elapsed() {
        alarm.as_mut().reset(at);
    }
    alarm.poll(cx)
}
