//! One side of a conversation: a [`Wire`] that is kept alive, noticed when it dies, and never waited for without a bound.

use std::task::{Context, Poll};

use tokio::time::Instant;

use crate::{
    close::Close,
    host::Payload,
    settings::Settings,
    wire::{Event, Lost, Socket, Wire},
};

pub(crate) struct Leg<IO> {
    wire: Wire<IO>,
    /// Something came in since the last look.
    heard: bool,
    /// A ping waits for its answer.
    pinged: bool,
    /// When to look again whether the other side is alive.
    look_at: Instant,
    /// Something was handed over that the stream has not taken yet.
    unflushed: bool,
    /// Until when the stream must have taken it.
    write_by: Option<Instant>,
}

impl<IO: Socket> Leg<IO> {
    /// `spread` is any number that differs from leg to leg.
    pub(crate) fn new(wire: Wire<IO>, settings: &Settings, spread: u64) -> Self {
        // The first look comes somewhere in the second half of the interval, the others keep that distance.
        let share = u32::try_from(spread % 100).unwrap_or(0);
        let first = settings.ping_every / 2 + settings.ping_every * share / 200;
        Self {
            wire,
            heard: false,
            pinged: false,
            look_at: Instant::now() + first,
            unflushed: false,
            write_by: None,
        }
    }

    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = self.wire.poll_event(cx);
        self.heard |= event.is_ready();
        if matches!(event, Poll::Ready(Event::Closed(_))) {
            self.unflushed = true;
        }
        event
    }

    /// Ready when another message may be handed over.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<Result<(), Lost>> {
        let ready = self.wire.poll_ready(cx);
        self.mind(ready.is_ready(), settings);
        ready
    }

    pub(crate) fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        self.unflushed = true;
        self.wire.feed(payload)
    }

    pub(crate) fn close(&mut self, close: &Close) -> Result<(), Lost> {
        self.unflushed = true;
        self.wire.close(close)
    }

    /// Ready when the stream took everything.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, settings: &Settings) -> Poll<Result<(), Lost>> {
        if !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = self.wire.poll_flush(cx);
        self.unflushed = flushed.is_pending();
        self.mind(flushed.is_ready(), settings);
        flushed
    }

    pub(crate) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wire.poll_linger(cx)
    }

    fn mind(&mut self, moved: bool, settings: &Settings) {
        if moved {
            self.write_by = None;
        } else if self.write_by.is_none() {
            self.write_by = Some(Instant::now() + settings.write_timeout);
        }
    }

    /// When [`Leg::look`] has something to do next.
    pub(crate) fn deadline(&self) -> Instant {
        self.write_by.map_or(self.look_at, |by| by.min(self.look_at))
    }

    /// Sends a ping where one is due.
    ///
    /// # Errors
    /// Why the other side must be given up.
    pub(crate) fn look(&mut self, now: Instant, settings: &Settings) -> Result<(), Close> {
        if self.write_by.is_some_and(|by| by <= now) {
            return Err(Close::SLOW_CONSUMER);
        }
        if now < self.look_at {
            return Ok(());
        }
        // Either it is alive, or the write that it does not take will tell.
        let alive = std::mem::take(&mut self.heard) || self.write_by.is_some();
        if std::mem::take(&mut self.pinged) {
            self.look_at = now + settings.ping_every.saturating_sub(settings.pong_within);
            return if alive { Ok(()) } else { Err(Close::NO_PONG) };
        }
        if alive {
            self.look_at = now + settings.ping_every;
            return Ok(());
        }
        self.pinged = true;
        self.unflushed = true;
        self.look_at = now + settings.pong_within;
        self.wire.ping().map_err(|Lost| Close::ABNORMAL)
    }

    pub(crate) fn into_wire(self) -> Wire<IO> {
        self.wire
    }
}
