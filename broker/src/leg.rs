//! One side of a conversation: a [`Line`] that is kept alive, noticed when it dies, closed with a handshake, and never waited
//! for without a bound. It knows nothing of who is on it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use crate::{
    close::Close,
    host::Payload,
    settings::Settings,
    wire::{Event, Line, Lost, Socket, Wire},
};

pub(crate) struct Leg<W> {
    wire: W,
    phase: Phase,
    /// Why it ended, or [`Close::ABNORMAL`] while it has not.
    why: Close,
    /// Something came in since the last look.
    heard: bool,
    /// Since when a ping waits for its answer.
    pinged: Option<Instant>,
    /// How long the last one waited, until that is taken.
    rtt: Option<Duration>,
    /// When to look again whether the other side is alive.
    look_at: Instant,
    /// Something was handed over that the stream has not taken yet.
    unflushed: bool,
    /// The write buffer was full when it was last looked at.
    crowded: bool,
    /// Until when the stream must have taken it.
    write_by: Option<Instant>,
    /// A fault of the other side does not end it at once: see [`Leg::patient`].
    patient: bool,
}

#[derive(Clone, Copy)]
enum Phase {
    Open,
    /// The other side broke the protocol and is not heard any more; what it said before may still be answered.
    Deaf {
        /// When it closes, whatever is missing.
        by: Instant,
    },
    Closing {
        /// When the socket is given up, whatever is missing.
        by: Instant,
        /// Our close frame left.
        told: bool,
        /// The other side's close frame, or its end, arrived.
        heard: bool,
        /// Nothing more can be understood; only its end is waited for.
        deaf: bool,
        /// The other side started it.
        theirs: bool,
        /// What the other side says until it answers is not thrown away.
        listens: bool,
    },
    /// To be dropped as it is.
    Lost,
}

/// What came from the other side.
#[derive(Debug)]
pub(crate) enum Inbound {
    Message(Payload),
    /// Nothing more comes.
    End,
}

/// Pings and pongs looked at in one go before other tasks get their turn.
const CONTROLS: usize = 64;

impl<W: Line> Leg<W> {
    /// `spread` is any number that differs from leg to leg.
    pub(crate) fn new(wire: W, settings: &Settings, spread: u64) -> Self {
        // The first look comes somewhere in the second half of the interval, the others keep that distance.
        let share = u32::try_from(spread % 100).unwrap_or(0);
        let first = settings.ping_every / 2 + settings.ping_every * share / 200;
        Self {
            wire,
            phase: Phase::Open,
            why: Close::ABNORMAL,
            heard: false,
            pinged: None,
            rtt: None,
            look_at: Instant::now() + first,
            unflushed: false,
            crowded: false,
            write_by: None,
            patient: false,
        }
    }

    /// After a fault of the other side it can still be spoken to, for as long as closing may take, until [`Leg::close`].
    pub(crate) fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// The other side may be told something.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Deaf { .. })
    }

    /// Open, but the other side is not heard any more.
    pub(crate) fn is_deaf(&self) -> bool {
        matches!(self.phase, Phase::Deaf { .. })
    }

    /// Nothing more comes from the other side.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Closing { heard: true, .. } | Phase::Lost)
    }

    /// Nothing is left to say or to hear.
    pub(crate) fn is_over(&self) -> bool {
        matches!(
            self.phase,
            Phase::Closing {
                told: true,
                heard: true,
                ..
            } | Phase::Lost
        )
    }

    /// To be dropped without waiting for anything.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.phase, Phase::Lost)
    }

    /// The other side ended it with a close frame.
    pub(crate) fn is_theirs(&self) -> bool {
        matches!(self.phase, Phase::Closing { theirs: true, .. })
    }

    pub(crate) fn why(&self) -> &Close {
        &self.why
    }

    /// Starts the closing handshake. The first reason counts.
    pub(crate) fn close(&mut self, why: Close, settings: &Settings) {
        match self.phase {
            Phase::Open => self.why = why,
            Phase::Deaf { .. } => {}
            Phase::Closing { .. } | Phase::Lost => return,
        }
        self.say_why(false, settings);
    }

    /// As [`Leg::close`], and what the other side says until it answers still comes in.
    pub(crate) fn close_listening(&mut self, why: Close, settings: &Settings) {
        if matches!(self.phase, Phase::Open) {
            self.why = why;
            self.say_why(true, settings);
        }
    }

    fn say_why(&mut self, listens: bool, settings: &Settings) {
        let deaf = self.is_deaf();
        self.unflushed = true;
        let by = Instant::now() + settings.close_timeout;
        self.phase = if self.wire.close(&self.why).is_err() {
            Phase::Lost
        } else {
            Phase::Closing {
                by,
                told: false,
                heard: false,
                deaf,
                theirs: false,
                listens,
            }
        };
    }

    /// Gives the socket up.
    pub(crate) fn lose(&mut self, why: Close) {
        if matches!(self.phase, Phase::Open) {
            self.why = why;
        }
        self.phase = Phase::Lost;
    }

    /// The next message. While closing, only the end is reported and messages are thrown away, unless it listens.
    pub(crate) fn poll_inbound(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<Inbound> {
        let mut asked = false;
        for _ in 0..CONTROLS {
            match &mut self.phase {
                Phase::Lost | Phase::Deaf { .. } | Phase::Closing { heard: true, .. } => {
                    return Poll::Ready(Inbound::End);
                }
                Phase::Closing {
                    deaf: true,
                    told,
                    heard,
                    ..
                } => {
                    // Not before the close frame is out: lingering shuts the writing side.
                    if !*told {
                        return Poll::Pending;
                    }
                    ready!(self.wire.poll_linger(cx));
                    *heard = true;
                    return Poll::Ready(Inbound::End);
                }
                _ => {}
            }
            let Poll::Ready(event) = self.wire.poll_event(cx) else {
                if asked {
                    // Nobody comes back for the pong: the session wrote before it read.
                    let _ = self.poll_flush(cx, settings);
                }
                return Poll::Pending;
            };
            if !std::mem::replace(&mut self.heard, true)
                && let Some(at) = self.pinged
            {
                self.rtt = Some(at.elapsed());
            }
            match event {
                Event::Message(payload) if self.listens() => return Poll::Ready(Inbound::Message(payload)),
                Event::Message(_) => {}
                // The wire has the pong ready.
                Event::Control => {
                    self.unflushed = true;
                    asked = true;
                }
                Event::Closed(why) => self.closed(why, settings),
                Event::Fault(why) => self.fault(why, settings),
                Event::Lost => self.lose(Close::ABNORMAL),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn listens(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing { listens: true, .. })
    }

    fn fault(&mut self, why: Close, settings: &Settings) {
        if let Phase::Closing { deaf, .. } = &mut self.phase {
            *deaf = true;
            return;
        }
        self.why = why;
        let by = Instant::now() + settings.close_timeout;
        self.phase = Phase::Deaf { by };
        if !self.patient {
            self.say_why(false, settings);
        }
    }

    fn closed(&mut self, why: Close, settings: &Settings) {
        match &mut self.phase {
            Phase::Open => {
                // The wire has the answer ready.
                self.unflushed = true;
                self.why = why;
                let by = Instant::now() + settings.close_timeout;
                self.phase = Phase::Closing {
                    by,
                    told: false,
                    heard: true,
                    deaf: false,
                    theirs: true,
                    listens: false,
                };
            }
            Phase::Closing { heard, .. } => *heard = true,
            Phase::Deaf { .. } | Phase::Lost => {}
        }
    }

    /// Ready when another message may be handed over.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<()> {
        if !self.is_open() {
            return Poll::Pending;
        }
        let ready = self.wire.poll_ready(cx);
        if ready.is_pending() {
            self.crowded = true;
            let moved = self.wire.take_moved();
            self.watch(moved, settings);
        } else if std::mem::take(&mut self.crowded) {
            // Room in a buffer that had some is no sign of life; room in one that was full is.
            self.write_by = None;
        }
        match ready {
            Poll::Ready(Err(Lost)) => {
                self.lose(Close::ABNORMAL);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Hands a message over. Only after [`Leg::poll_ready`].
    pub(crate) fn feed(&mut self, payload: &Payload) {
        self.unflushed = true;
        if self.wire.feed(payload).is_err() {
            self.lose(Close::ABNORMAL);
        }
    }

    /// Ready when the stream took everything.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<()> {
        if !self.unflushed {
            return Poll::Ready(());
        }
        if self.is_lost() {
            return Poll::Pending;
        }
        let flushed = self.wire.poll_flush(cx);
        let moved = self.wire.take_moved();
        if flushed.is_ready() {
            self.write_by = None;
        } else {
            self.watch(moved, settings);
        }
        match flushed {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                if let Phase::Closing { told, .. } = &mut self.phase {
                    *told = true;
                }
                Poll::Ready(())
            }
            Poll::Ready(Err(Lost)) => {
                self.lose(Close::ABNORMAL);
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Something waits for the stream. From each time that it takes a part, it has the whole timeout for the next one.
    fn watch(&mut self, moved: bool, settings: &Settings) {
        if moved || self.write_by.is_none() {
            self.write_by = Some(Instant::now() + settings.write_timeout);
        }
    }

    /// When [`Leg::tick`] has something to do next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closing { by, .. } => Some(by),
            Phase::Deaf { by } => Some(self.write_by.map_or(by, |write_by| write_by.min(by))),
            Phase::Open => Some(self.write_by.map_or(self.look_at, |by| by.min(self.look_at))),
            Phase::Lost => None,
        }
    }

    /// Sends a ping where one is due, gives up where nothing moves.
    pub(crate) fn tick(&mut self, now: Instant, settings: &Settings) {
        match self.phase {
            Phase::Closing { by, .. } if by <= now => self.phase = Phase::Lost,
            Phase::Deaf { by } if by <= now => self.say_why(false, settings),
            Phase::Open | Phase::Deaf { .. } if self.write_by.is_some_and(|by| by <= now) => {
                self.lose(Close::SLOW_CONSUMER);
            }
            Phase::Open if self.look_at <= now => self.look(now, settings),
            _ => {}
        }
    }

    fn look(&mut self, now: Instant, settings: &Settings) {
        // Either it is alive, or the write that it does not take will tell.
        let alive = std::mem::take(&mut self.heard) || self.write_by.is_some();
        if self.pinged.take().is_some() {
            self.look_at = now + settings.ping_every.saturating_sub(settings.pong_within);
            if !alive {
                self.close(Close::NO_PONG, settings);
            }
        } else if alive {
            self.look_at = now + settings.ping_every;
        } else {
            self.pinged = Some(now);
            self.unflushed = true;
            self.look_at = now + settings.pong_within;
            if self.wire.ping().is_err() {
                self.lose(Close::ABNORMAL);
            }
        }
    }

    /// How long a ping waited for a sign of life, once for each.
    pub(crate) fn take_rtt(&mut self) -> Option<Duration> {
        self.rtt.take()
    }

    pub(crate) fn into_wire(self) -> W {
        self.wire
    }
}

impl<IO: Socket> Leg<Wire<IO>> {
    /// Hands over a message that [`crate::wire::frame`] encoded. Only after [`Leg::poll_ready`].
    pub(crate) fn feed_frame(&mut self, frame: &Bytes) {
        self.unflushed = true;
        self.wire.feed_frame(frame);
    }

    /// Bytes that it takes before it has to be asked again whether it is ready.
    pub(crate) fn room(&self) -> usize {
        self.wire.room()
    }

    /// Bytes that were handed over and that the socket has not taken: they count to what the session costs.
    pub(crate) fn unwritten(&self) -> usize {
        self.wire.unwritten()
    }
}

/// For legs that no session's alarm watches over. Ready at `at` or before; the caller looks what is due. An alarm that would ring too early is left alone, which is
/// cheaper than moving it with each message.
pub(crate) fn poll_alarm(mut alarm: Pin<&mut Sleep>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if at < alarm.deadline() || alarm.is_elapsed() {
        alarm.as_mut().reset(at);
    }
    alarm.poll(cx)
}
