//! Frames on their way to a socket: small ones gathered in one buffer, so that many of them cost one system call, large ones
//! handed over where they lie. Only what the socket did not take is kept.

use std::{
    collections::VecDeque,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::{Lost, mask::Mask, scratch};

/// From this size on, copying costs more than another slice in the system call.
const LARGE: usize = 16 << 10;

/// Slices given to one system call.
const SLICES: usize = 16;

pub(crate) struct Outbox {
    /// Large pieces and what came before them. Goes before `buffer`.
    pieces: VecDeque<Bytes>,
    buffer: Vec<u8>,
    /// So much of `buffer` has left.
    written: usize,
    /// Bytes in all.
    length: usize,
    /// From this length on there is no room.
    limit: usize,
    /// The socket took less than it was offered, and has not said since that it takes more.
    is_stuck: bool,
    /// Something was written that the stream below may still hold.
    is_dirty: bool,
}

impl Outbox {
    /// `limit` is how much is gathered before a write; one frame on top of it is the most that is ever held.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            buffer: Vec::new(),
            written: 0,
            length: 0,
            limit,
            is_stuck: false,
            is_dirty: false,
        }
    }

    /// Bytes that the socket has not taken.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Whether it takes another frame.
    pub(crate) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// Bytes that it takes before it is full: none while the socket is stuck, so that what waits, waits where it can still be
    /// withdrawn.
    pub(crate) fn room(&self) -> usize {
        if self.is_stuck {
            return 0;
        }
        self.limit.saturating_sub(self.length)
    }

    /// Appends bytes, copied.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        self.copy_masked(bytes, Mask::NONE);
    }

    /// Appends bytes, copied, with a mask over them.
    pub(crate) fn copy_masked(&mut self, bytes: &[u8], mut mask: Mask) {
        if self.buffer.capacity() == 0 {
            self.buffer = scratch::take();
        }
        let from = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        mask.apply(&mut self.buffer[from..]);
        self.length += bytes.len();
    }

    /// Appends bytes that others share.
    pub(crate) fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < LARGE {
            self.copy(bytes);
            return;
        }
        if self.written < self.buffer.len() {
            self.pieces
                .push_back(Bytes::copy_from_slice(&self.buffer[self.written..]));
        }
        self.buffer.clear();
        self.written = 0;
        self.pieces.push_back(bytes.clone());
        self.length += bytes.len();
    }

    /// Ready when everything left. `moved` becomes true when something did.
    pub(crate) fn poll_flush<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        cx: &mut Context<'_>,
        moved: &mut bool,
    ) -> Poll<Result<(), Lost>> {
        while self.length > 0 {
            match self.poll_write(io, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Lost)),
                Poll::Ready(Ok(taken)) => {
                    *moved = true;
                    self.is_dirty = true;
                    self.advance(taken);
                }
                Poll::Pending => {
                    self.is_stuck = true;
                    self.keep();
                    return Poll::Pending;
                }
            }
        }
        if self.is_dirty {
            // TLS takes more than the socket does.
            self.is_stuck = true;
            ready!(Pin::new(io).poll_flush(cx)).map_err(|_| Lost)?;
            self.is_dirty = false;
        }
        self.is_stuck = false;
        Poll::Ready(Ok(()))
    }

    fn poll_write<IO: AsyncWrite + Unpin>(
        &self,
        io: &mut IO,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let io = Pin::new(io);
        let rest = &self.buffer[self.written..];
        let Some(first) = self.pieces.front() else {
            return io.poll_write(cx, rest);
        };
        if !io.is_write_vectored() {
            return io.poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let pieces = self.pieces.iter().map(|piece| &piece[..]);
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces.chain([rest])) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        io.poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, mut taken: usize) {
        self.length -= taken;
        while let Some(first) = self.pieces.front_mut() {
            if taken < first.len() {
                first.advance(taken);
                return;
            }
            taken -= first.len();
            self.pieces.pop_front();
        }
        self.written += taken;
        if self.written == self.buffer.len() {
            self.written = 0;
            scratch::give(std::mem::take(&mut self.buffer));
            self.pieces = VecDeque::new();
        }
    }

    /// Keeps what is left in as little as it needs, and gives the thread's buffer back.
    fn keep(&mut self) {
        if self.buffer.capacity() < scratch::SIZE {
            return;
        }
        let rest = self.buffer[self.written..].to_vec();
        self.written = 0;
        scratch::give(std::mem::replace(&mut self.buffer, rest));
    }
}

#[cfg(test)]
impl Outbox {
    /// Bytes of buffers that it owns.
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
            + self.pieces.capacity() * size_of::<Bytes>()
            + self.pieces.iter().map(Bytes::len).sum::<usize>()
    }
}
