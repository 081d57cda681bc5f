//! The end-user's side of a session: the socket, and the gate before it.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Life, pace::Pace};
use crate::{
    close::Close,
    delivery::{Content, Delivery, Message, Tongue, said},
    gate::{Gate, Manner, Order},
    host::{HistoryFault, Payload, Position},
    leg::{Inbound, Leg},
    options::SessionOptions,
    pusher::{client::Features, server},
    wheel::Alarm,
    wire::{Socket, Wire},
};

thread_local! {
    /// What a session takes from its gate in one turn. It and the gate's queue change places, so neither is ever made anew.
    static TAKEN: Cell<VecDeque<Arc<Delivery>>> = const { Cell::new(VecDeque::new()) };
}

pub(crate) struct Front<IO> {
    // Before `life`: fields drop in this order, and the drop of `life` tells that the socket is gone.
    leg: Leg<Wire<IO>>,
    tongue: Tongue,
    tells_notices: bool,
    /// What the session's own task says, in front of everything that waits at the gate.
    answers: VecDeque<Answer>,
    /// Messages wait at the gate until something older was said.
    holds: bool,
    /// What was said already though it may still come by the gate. Mostly nothing.
    said: Vec<Said>,
    pace: Option<Box<Pace>>,
    expires_at: Option<Instant>,
    /// Until when a socket that somebody waits for must have settled.
    settle_by: Option<Instant>,
    /// When the oldest message of the write under way was published.
    oldest: Option<Instant>,
    /// The gate was told of bytes that the socket does not take.
    owes: bool,
    alarm: Alarm<Gate>,
    pub(crate) life: Life,
}

/// What the session's own task says.
enum Answer {
    /// Words of the protocol.
    Said(Bytes),
    /// A message of the past.
    Message(Box<(Message, Option<Uuid>)>),
    /// Messages of the past within words of the protocol.
    Messages(Box<Told>),
}

/// Messages of the past within words of the protocol.
struct Told {
    frame: Bytes,
    /// What they are processed for.
    purposes: Box<[Option<Uuid>]>,
    /// The question that they answer.
    question: Box<str>,
}

impl Answer {
    fn len(&self, tongue: Tongue) -> usize {
        match self {
            Self::Said(frame) => frame.len(),
            Self::Messages(told) => told.frame.len(),
            Self::Message(message) => message.0.frame(tongue).len(),
        }
    }
}

/// A channel's messages up to this position were said.
struct Said {
    channel: Arc<str>,
    epoch: Arc<str>,
    offset: i64,
}

impl<IO: Socket> Front<IO> {
    pub(crate) fn new(life: Life, io: IO, options: &SessionOptions) -> Self {
        let settings = &life.core.settings;
        let wire = Wire::server(io, settings, options.max_message);
        // The low half of an id is its random half.
        let leg = Leg::new(wire, settings, life.gate.identity.session.as_u64_pair().1);
        Self {
            leg,
            tongue: Tongue::PLAIN,
            tells_notices: false,
            answers: VecDeque::new(),
            holds: false,
            said: Vec::new(),
            pace: Pace::of(options).map(Box::new),
            expires_at: options.expires_at,
            settle_by: None,
            oldest: None,
            owes: false,
            alarm: life.core.wheel.alarm(Arc::clone(&life.gate)),
            life,
        }
    }

    /// Speaks the Pusher protocol from now on.
    pub(crate) fn speaking_pusher(mut self) -> Self {
        self.tongue = Tongue::PUSHER;
        self
    }

    /// A client that breaks the protocol still gets what is under way to it.
    pub(crate) fn patient(mut self) -> Self {
        self.leg = self.leg.patient();
        self
    }

    /// Says more to a client that wants more.
    pub(crate) fn want(&mut self, features: Features) {
        self.tongue = Tongue::with(features);
        self.tells_notices = features.notices;
    }

    pub(crate) fn leg(&self) -> &Leg<Wire<IO>> {
        &self.leg
    }

    /// Starts the closing handshake. The first reason counts.
    pub(crate) fn close(&mut self, why: Close) {
        let reason = why.reason.clone();
        self.close_saying(why, &reason);
    }

    /// As [`Front::close`], with words for the tenant's developer in place of the reason.
    pub(crate) fn close_saying(&mut self, why: Close, words: &str) {
        let is_error = matches!(why.code, 4000..=4199);
        if is_error && !self.tongue.is_plain() && self.leg.is_open() {
            // Clients of the protocol look here first.
            let error = said(|out| server::error(out, Some(why.code), words));
            self.leg.feed_frame(&error);
        }
        self.leg.close(why, &self.life.core.settings);
    }

    /// Says something of the protocol, before anything that waits at the gate.
    pub(crate) fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.answers.push_back(Answer::Said(said(write)));
    }

    /// Says a message of the past, before anything that waits at the gate.
    pub(crate) fn say_message(&mut self, message: Message, purpose: Option<Uuid>) {
        self.answers
            .push_back(Answer::Message(Box::new((message, purpose))));
    }

    /// Answers a question with something that holds messages of the past, processed for these purposes.
    pub(crate) fn say_messages(
        &mut self,
        question: &str,
        purposes: Box<[Option<Uuid>]>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.answers.push_back(Answer::Messages(Box::new(Told {
            frame: said(write),
            purposes,
            question: question.into(),
        })));
    }

    /// Hands the next answer to the socket. What is of the past may have been withdrawn while it waited, and no withdrawal
    /// looks for it here, so it is asked about once more.
    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Said(frame) => self.leg.feed_frame(&frame),
            Answer::Message(message) => {
                let (message, purpose) = &*message;
                if self.may_get(*purpose) {
                    self.leg.feed_frame(message.frame(self.tongue));
                    self.life.sent(&message.payload, message.position.as_ref());
                }
            }
            Answer::Messages(told) => {
                if told.purposes.iter().all(|purpose| self.may_get(*purpose)) {
                    self.leg.feed_frame(&told.frame);
                } else {
                    let fault = HistoryFault.to_string();
                    let refusal = said(|out| server::no_answer(out, &told.question, &fault));
                    self.leg.feed_frame(&refusal);
                }
            }
        }
    }

    fn may_get(&self, purpose: Option<Uuid>) -> bool {
        let who = &self.life.gate.identity;
        who.may_get(self.life.core.admission.reach(who.endpoint, purpose))
    }

    /// What its own task said and the socket has not taken.
    pub(crate) fn unsaid(&self) -> usize {
        self.answers.len()
    }

    /// Lets messages wait at the gate, or pass again.
    pub(crate) fn hold(&mut self, holds: bool) {
        self.holds = holds;
    }

    /// Messages of a channel up to this position are not said again when they come by the gate.
    pub(crate) fn has_said(&mut self, channel: &Arc<str>, epoch: &Arc<str>, offset: i64) {
        self.forget_said(channel);
        self.said.push(Said {
            channel: Arc::clone(channel),
            epoch: Arc::clone(epoch),
            offset,
        });
    }

    /// The session leaves the channel, or hears of it anew.
    pub(crate) fn forget_said(&mut self, channel: &str) {
        self.said.retain(|said| *said.channel != *channel);
    }

    /// Whether a message from the gate was said already. One that was not ends the question for its channel: those
    /// behind it were not either.
    fn was_said(&mut self, message: &Message) -> bool {
        let is_its = |said: &Said| said.channel == message.channel;
        let Some(place) = self.said.iter().position(is_its) else {
            return false;
        };
        let until = &self.said[place];
        let was = message
            .position
            .as_ref()
            .is_some_and(|position| position.epoch == until.epoch && position.offset <= until.offset);
        if !was {
            self.said.swap_remove(place);
        }
        was
    }

    pub(crate) fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Poll<Inbound> {
        loop {
            let inbound = self.leg.poll_inbound(cx, &self.life.core.settings);
            if let Some(rtt) = self.leg.take_rtt() {
                self.life.core.meters.rtt.record(rtt);
            }
            if let Poll::Ready(Inbound::Message(payload)) = &inbound {
                self.life.received(payload);
                let pace = self.pace.as_mut();
                if pace.is_some_and(|pace| !pace.takes(Instant::now(), payload.bytes.len())) {
                    self.close(Close::OVER_CAPACITY);
                    continue;
                }
            }
            return inbound;
        }
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

    fn send(&mut self, delivery: &Delivery) {
        match &delivery.content {
            Content::Message(message) => {
                if self.was_said(message) {
                    return;
                }
                self.leg.feed_frame(message.frame(self.tongue));
                self.life.sent(&message.payload, message.position.as_ref());
                self.oldest.get_or_insert(delivery.at);
            }
            Content::Said(frame) if !self.tongue.is_plain() => self.leg.feed_frame(frame),
            Content::Notice(notice) if self.tells_notices => {
                let frame = said(|out| server::notice(out, notice.kind(), notice.purpose()));
                self.leg.feed_frame(&frame);
            }
            Content::Said(_) | Content::Notice(_) => {}
        }
    }

    /// Sends all that waits, where it may be taken at once. Answers whether it was.
    fn send_all(&mut self) -> bool {
        let mut all = TAKEN.try_with(Cell::take).unwrap_or_default();
        let taken = self.life.gate.take(self.leg.room(), &mut all);
        for delivery in all.drain(..) {
            self.send(&delivery);
        }
        // A thread that ends keeps nothing.
        let _ = TAKEN.try_with(|kept| kept.set(all));
        taken
    }

    /// Follows the gate's orders, moves what waits to the socket, and tells who is to be told.
    pub(crate) fn poll_outbound(&mut self, cx: &mut Context<'_>) {
        while self.leg.is_open() {
            let mut ready = self.poll_ready(cx).is_ready();
            while ready && let Some(answer) = self.answers.pop_front() {
                self.answer(answer);
                ready = self.poll_ready(cx).is_ready();
            }
            if self.answers.is_empty() && self.answers.capacity() > 0 {
                // Most sessions say something of their own once.
                self.answers = VecDeque::new();
            }
            ready &= !self.holds;
            if ready && self.send_all() {
                continue;
            }
            match self.life.gate.next(ready) {
                Order::Send(delivery) => self.send(&delivery),
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
        self.tell_debt(settled);
        if !self.leg.is_open() {
            self.life.why = Some(Box::new(self.leg.why().clone()));
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

    /// The gate counts what the socket does not take, so that a session that never reads costs no more than it may.
    fn tell_debt(&mut self, settled: bool) {
        if settled && !self.owes {
            return;
        }
        let waiting: usize = self.answers.iter().map(|answer| answer.len(self.tongue)).sum();
        let unwritten = self.leg.unwritten() + waiting;
        self.owes = unwritten > 0;
        self.life.gate.owes(unwritten);
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

    fn deadline(&self) -> Instant {
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

    /// Ready, with the present time, when something of the session is due, or something else that is due at `or`.
    /// The waker of this task is registered with the gate.
    pub(crate) fn poll_alarm(&mut self, or: Option<Instant>) -> Poll<Instant> {
        let at = self.deadline();
        self.alarm.poll(or.map_or(at, |or| or.min(at)))
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
    pub(crate) fn last_word(&mut self) -> Close {
        let why = self.leg.why().clone();
        self.life.why = Some(Box::new(why.clone()));
        why
    }
}
