//! One end-user's socket, from registration to the last word about it. One task serves it; whatever ends that task, panics and
//! aborts included, the session is unregistered and its end is told exactly once.

pub(crate) mod channel;
pub(crate) mod relay;

use std::{
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
    leg::Leg,
    wire::{Event, Lost, Socket, Wire},
};

/// A session's registration and its totals. Dropping it is the end of the session.
pub(crate) struct Life {
    pub(crate) core: Arc<Core>,
    pub(crate) gate: Arc<Gate>,
    seat: Seat,
    traffic: Traffic,
    reported: Traffic,
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
            reported: Traffic::default(),
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

    pub(crate) fn who(&self) -> &Arc<Identity> {
        &self.gate.identity
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

    /// Adds to the shared counters what moved since the last time: rarely, since all sessions share them.
    fn count(&mut self) {
        let (now, before) = (self.traffic, self.reported);
        self.reported = now;
        let meters = &self.core.meters;
        meters.messages_in.increment(now.messages_in - before.messages_in);
        meters.messages_out.increment(now.messages_out - before.messages_out);
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
        self.core.meters.closed(&why);
        self.core.registry.closed(&self.gate.identity, &why, self.traffic);
    }
}

/// The end-user's side of a session: what comes in, what may go out, and the way to the end.
pub(crate) struct Front<IO> {
    // Before `life`: fields drop in this order, and `life` promises that the socket is gone.
    leg: Leg<IO>,
    phase: Phase,
    expires_at: Option<Instant>,
    /// Until when a socket that somebody waits for must have settled.
    settle_by: Option<Instant>,
    /// When the oldest message of the write under way was published.
    oldest: Option<Instant>,
    pub(crate) life: Life,
}

enum Phase {
    Open,
    Closing {
        /// When the socket is dropped, whatever is missing.
        by: Instant,
        /// Our close frame left.
        told: bool,
        /// The other side's close frame, or its end, arrived.
        heard: bool,
        /// Nothing more can be understood; only its end is waited for.
        deaf: bool,
    },
}

/// What came from the end-user.
#[derive(Debug)]
pub(crate) enum Inbound {
    Message(Payload),
    /// Nothing more comes.
    End,
}

impl<IO: Socket> Front<IO> {
    pub(crate) async fn new(life: Life, io: IO, max_message: usize, expires_at: Option<Instant>) -> Self {
        let settings = &life.core.settings;
        let wire = Wire::server(io, settings, max_message).await;
        // The low half of an id is its random half.
        let leg = Leg::new(wire, settings, life.gate.identity.session.as_u64_pair().1);
        Self { leg, phase: Phase::Open, expires_at, settle_by: None, oldest: None, life }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Nothing is left to say or to hear.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing { told: true, heard: true, .. })
    }

    pub(crate) fn why(&self) -> &Close {
        &self.life.why
    }

    /// Starts the closing handshake. The first reason counts.
    pub(crate) fn close(&mut self, why: Close) {
        if !self.is_open() {
            return;
        }
        let lost = self.leg.close(&why).is_err();
        self.life.settled = false;
        self.phase = Phase::Closing {
            by: Instant::now() + self.life.core.settings.close_timeout,
            told: lost,
            heard: lost,
            deaf: false,
        };
        self.life.why = why;
    }

    /// The socket is of no use any more.
    fn lose(&mut self, why: Close) {
        if self.is_open() {
            self.life.why = why;
        }
        self.phase = Phase::Closing { by: Instant::now(), told: true, heard: true, deaf: true };
    }

    /// The next message. In the closing phase messages are thrown away and only the end is reported.
    pub(crate) fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Poll<Inbound> {
        loop {
            if let Phase::Closing { heard, deaf, told, .. } = &mut self.phase {
                if *heard {
                    return Poll::Ready(Inbound::End);
                }
                if *deaf {
                    // Not before the close frame is out: lingering shuts the writing side.
                    if !*told || self.leg.poll_linger(cx).is_pending() {
                        return Poll::Pending;
                    }
                    *heard = true;
                    return Poll::Ready(Inbound::End);
                }
            }
            match std::task::ready!(self.leg.poll_event(cx)) {
                Event::Message(payload) if self.is_open() => {
                    self.life.received(&payload);
                    return Poll::Ready(Inbound::Message(payload));
                }
                Event::Message(_) | Event::Control => {}
                Event::Closed(why) => {
                    // The library has the answer ready; it leaves with the next flush.
                    if self.is_open() {
                        self.life.why = why;
                        let by = Instant::now() + self.life.core.settings.close_timeout;
                        self.phase = Phase::Closing { by, told: false, heard: true, deaf: false };
                    } else if let Phase::Closing { heard, .. } = &mut self.phase {
                        *heard = true;
                    }
                }
                Event::Fault(why) => {
                    self.close(why);
                    if let Phase::Closing { deaf, .. } = &mut self.phase {
                        *deaf = true;
                    }
                }
                Event::Lost => self.lose(Close::ABNORMAL),
            }
        }
    }

    /// Follows the gate's orders and moves what is ready to the socket.
    pub(crate) fn poll_outbound(&mut self, cx: &mut Context<'_>) {
        if let Err(Lost) = self.push(cx) {
            self.lose(Close::ABNORMAL);
        }
        if self.gate_says_sever() {
            self.lose(self.life.why.clone());
        }
    }

    fn push(&mut self, cx: &mut Context<'_>) -> Result<(), Lost> {
        let core = Arc::clone(&self.life.core);
        while self.is_open() {
            match self.life.gate.next_if(|| self.leg.poll_ready(cx, &core.settings)) {
                Order::Send(delivery) => {
                    self.leg.feed(&delivery.payload)?;
                    self.life.sent(&delivery.payload, delivery.position.as_ref());
                    self.oldest.get_or_insert(delivery.at);
                }
                Order::Close(why, _) => self.close(why),
                Order::Settle | Order::Idle => break,
            }
        }
        if self.leg.poll_flush(cx, &core.settings)?.is_ready() {
            self.flushed();
        }
        Ok(())
    }
}
