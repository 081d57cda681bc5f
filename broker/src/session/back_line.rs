//! A session's way to the tenant's back end: a socket of its own, a share in one, or calls.

use std::task::{Context, Poll};

use crate::{
    called::CallLine,
    close::Close,
    host::Payload,
    upstream::{MuxLine, UpstreamIo},
    wire::{Event, Line, Lost, Wire},
};

pub(super) enum BackLine {
    Own(Box<Wire<UpstreamIo>>),
    Shared(MuxLine),
    Called(CallLine),
}

macro_rules! of_either {
    ($self:ident, $line:ident => $what:expr) => {
        match $self {
            BackLine::Own($line) => $what,
            BackLine::Shared($line) => $what,
            BackLine::Called($line) => $what,
        }
    };
}

impl Line for BackLine {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        of_either!(self, line => line.poll_event(cx))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        of_either!(self, line => line.poll_ready(cx))
    }

    fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        of_either!(self, line => line.feed(payload))
    }

    fn ping(&mut self) -> Result<(), Lost> {
        of_either!(self, line => line.ping())
    }

    fn close(&mut self, close: &Close) -> Result<(), Lost> {
        of_either!(self, line => line.close(close))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        of_either!(self, line => line.poll_flush(cx))
    }

    fn take_moved(&mut self) -> bool {
        of_either!(self, line => line.take_moved())
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        of_either!(self, line => line.poll_linger(cx))
    }
}
