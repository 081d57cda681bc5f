//! A connection that is not waited for without end: the head of its first request has to come within a time, and so has that
//! of every further one, once it began. Who opens connections and says nothing, or says it a byte at a time, holds nothing
//! up and is gone soon. The HTTP server below us has no such clock.
//!
//! What follows a head is the business of others: bodies are read by handlers, and the frames of a WebSocket by the broker,
//! which has clocks of its own. From the answer 101 on this one is off, and holds nothing but that answer: it goes out together
//! with the first frame, where whoever takes the socket over speaks first. One packet less is a tenth of what opening it costs.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, from its first byte on; for the first request, from the connection on.
    pub head: Duration,
    /// Between an answer and the next request.
    pub idle: Duration,
}

/// The end of a head (RFC 9112 §2.1).
const END: &[u8; 4] = b"\r\n\r\n";
/// Begins a connection of HTTP/2 (RFC 9113 §3.4), which is one long conversation.
const HTTP2: &[u8] = b"PRI * HTTP/2.0";
/// Begins the answer after which no HTTP follows.
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// A stream under a clock.
pub(super) struct Patient<IO> {
    io: IO,
    /// Boxed, and gone once nothing is watched or held any more: most connections are WebSockets for most of their time.
    watch: Option<Box<Watch>>,
}

struct Watch {
    patience: Patience,
    clock: Pin<Box<Sleep>>,
    phase: Phase,
}

enum Phase {
    /// No byte of a request has come.
    Before,
    /// So much of [`END`] stands at the end of what came.
    Within(usize),
    /// A request was read, and is not answered.
    Asked,
    /// Some of the answer left.
    Answering,
    /// The answer 101, which nobody got yet.
    Switched(Held),
}

/// An answer that waits for what is said next.
struct Held {
    answer: Vec<u8>,
    sent: usize,
    /// The HTTP server has flushed it. Whoever flushes then is the one who took the socket over.
    is_handed_over: bool,
}

impl<IO> Patient<IO> {
    pub(super) fn new(io: IO, patience: Patience) -> Self {
        Self {
            io,
            watch: Some(Box::new(Watch {
                patience,
                clock: Box::pin(sleep(patience.head)),
                phase: Phase::Before,
            })),
        }
    }
}

impl Watch {
    /// Before something is read. An error when the time is up.
    fn poll(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if matches!(self.phase, Phase::Answering) {
            self.phase = Phase::Before;
            self.clock.as_mut().reset(Instant::now() + self.patience.idle);
        }
        let watched = matches!(self.phase, Phase::Before | Phase::Within(_));
        if watched && self.clock.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// What was read. Answers whether to go on watching.
    fn read(&mut self, bytes: &[u8]) -> bool {
        if matches!(self.phase, Phase::Before) && !bytes.is_empty() {
            if bytes.starts_with(HTTP2) {
                return false;
            }
            self.phase = Phase::Within(0);
            self.clock.as_mut().reset(Instant::now() + self.patience.head);
        }
        if let Phase::Within(found) = self.phase {
            self.phase = match bytes
                .iter()
                .try_fold(found, |found, byte| end_so_far(found, *byte))
            {
                Some(found) => Phase::Within(found),
                None => Phase::Asked,
            };
        }
        true
    }

    /// What is about to be written. Answers whether it is held.
    fn writes(&mut self, slices: &[IoSlice<'_>]) -> bool {
        let first = slices.iter().find(|slice| !slice.is_empty());
        let switches = first.is_some_and(|bytes| bytes.starts_with(SWITCHING));
        if matches!(self.phase, Phase::Asked) && switches {
            self.phase = Phase::Switched(Held {
                answer: slices.iter().flat_map(|slice| slice.iter().copied()).collect(),
                sent: 0,
                is_handed_over: false,
            });
            return true;
        }
        self.phase = Phase::Answering;
        false
    }
}

impl<IO: AsyncWrite + Unpin> Patient<IO> {
    fn held(&mut self) -> Option<&mut Held> {
        match &mut self.watch.as_mut()?.phase {
            Phase::Switched(held) => Some(held),
            _ => None,
        }
    }

    /// Sends what is held, and as much as goes along of what follows. Answers how much of that went.
    fn poll_send(&mut self, cx: &mut Context<'_>, next: &[u8]) -> Poll<io::Result<usize>> {
        while let Some(Watch {
            phase: Phase::Switched(held),
            ..
        }) = self.watch.as_deref_mut()
        {
            let rest = &held.answer[held.sent..];
            let left = rest.len();
            let both = [IoSlice::new(rest), IoSlice::new(next)];
            let sent = match Pin::new(&mut self.io).poll_write_vectored(cx, &both) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => sent,
                other => return other,
            };
            if sent < left {
                held.sent += sent;
                continue;
            }
            self.watch = None;
            return Poll::Ready(Ok(sent - left));
        }
        Poll::Ready(Ok(0))
    }

    /// Writes, while something is watched or held.
    fn poll_write_watched(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.held().is_some() {
            let next = slices.iter().find(|slice| !slice.is_empty());
            let went = ready!(self.poll_send(cx, next.map_or(&[], |next| &**next)))?;
            if went > 0 {
                return Poll::Ready(Ok(went));
            }
        } else if self.watch.as_mut().is_some_and(|watch| watch.writes(slices)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }
}

/// How much of [`END`] stands there after one more byte. `None` when all of it does.
fn end_so_far(found: usize, byte: u8) -> Option<usize> {
    let found = if byte == END[found] {
        found + 1
    } else {
        usize::from(byte == END[0])
    };
    (found < END.len()).then_some(found)
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Patient<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_send(cx, &[]))?;
        let Some(watch) = &mut this.watch else {
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        };
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buffer);
        if read.is_pending() {
            return match watch.poll(cx) {
                Ok(()) => Poll::Pending,
                Err(late) => Poll::Ready(Err(late)),
            };
        }
        watch.poll(cx)?;
        if !watch.read(&buffer.filled()[before..]) {
            this.watch = None;
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Patient<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.watch.is_some() {
            return self.poll_write_watched(cx, &[IoSlice::new(bytes)]);
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.watch.is_some() {
            return self.poll_write_watched(cx, slices);
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(held) = self.held()
            && !std::mem::replace(&mut held.is_handed_over, true)
        {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send(cx, &[]))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx, &[]))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_mins(1),
    };

    fn pair() -> (DuplexStream, Patient<DuplexStream>) {
        let (near, far) = duplex(1024);
        (near, Patient::new(far, PATIENCE))
    }

    async fn read(server: &mut Patient<DuplexStream>) -> io::Result<usize> {
        server.read(&mut [0; 256]).await
    }

    fn is_late(read: &io::Result<usize>) -> bool {
        matches!(read, Err(error) if error.kind() == io::ErrorKind::TimedOut)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_is_not_waited_for() {
        let (_client, mut server) = pair();
        let began = Instant::now();
        assert!(is_late(&read(&mut server).await));
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_a_byte_at_a_time_is_not_waited_for() {
        let (mut client, mut server) = pair();
        tokio::spawn(async move {
            loop {
                if client.write_all(b"x").await.is_err() {
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
        let began = Instant::now();
        while read(&mut server).await.is_ok() {}
        assert!((10..=11).contains(&began.elapsed().as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_takes_its_time_and_the_next_request_may_too() {
        let (mut client, mut server) = pair();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        read(&mut server).await.unwrap();
        sleep(Duration::from_secs(5)).await;
        client.write_all(b"\r\n").await.unwrap();
        read(&mut server).await.unwrap();
        let idle = tokio::time::timeout(Duration::from_hours(1), read(&mut server)).await;
        assert!(idle.is_err(), "nothing is watched while a request is answered");
        server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let began = Instant::now();
        assert!(is_late(&read(&mut server).await));
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_switched_protocols_is_left_alone() {
        let (mut client, mut server) = pair();
        client
            .write_all(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
            .await
            .unwrap();
        read(&mut server).await.unwrap();
        server.write_all(SWITCHED).await.unwrap();
        let read = tokio::time::timeout(Duration::from_hours(1), read(&mut server)).await;
        assert!(read.is_err());
        assert!(server.watch.is_none());
    }

    const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

    /// A server that was asked for another protocol, and its client.
    async fn asked() -> (DuplexStream, Patient<DuplexStream>) {
        let (mut client, mut server) = pair();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        read(&mut server).await.unwrap();
        (client, server)
    }

    async fn got(client: &mut DuplexStream) -> Vec<u8> {
        let mut buffer = vec![0; 256];
        let reading = tokio::time::timeout(Duration::from_secs(1), client.read(&mut buffer));
        let count = reading.await.map_or(0, |read| read.unwrap());
        buffer.truncate(count);
        buffer
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_speaks_first_sends_the_answer_along() {
        let (mut client, mut server) = asked().await;
        server.write_all(SWITCHED).await.unwrap();
        server.flush().await.unwrap();
        assert_eq!(
            got(&mut client).await,
            b"",
            "the HTTP server's flush waits for company"
        );
        server.write_all(b"hello").await.unwrap();
        assert_eq!(got(&mut client).await, [SWITCHED, b"hello"].concat());
        server.write_all(b"again").await.unwrap();
        assert_eq!(got(&mut client).await, b"again");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_first_or_flushes_or_goes_sends_the_answer() {
        for what in ["reads", "flushes", "goes"] {
            let (mut client, mut server) = asked().await;
            server.write_all(SWITCHED).await.unwrap();
            server.flush().await.unwrap();
            match what {
                "reads" => {
                    let reading = tokio::time::timeout(Duration::from_secs(1), read(&mut server));
                    assert!(reading.await.is_err(), "nobody said anything");
                }
                "flushes" => server.flush().await.unwrap(),
                _ => server.shutdown().await.unwrap(),
            }
            assert_eq!(got(&mut client).await, SWITCHED, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_goes_in_pieces_comes_whole_and_in_order() {
        let (mut client, far) = duplex(7);
        let mut server = Patient::new(far, PATIENCE);
        let writing = async {
            while server
                .watch
                .as_ref()
                .is_none_or(|watch| !matches!(watch.phase, Phase::Asked))
            {
                read(&mut server).await.unwrap();
            }
            server.write_all(SWITCHED).await.unwrap();
            server.flush().await.unwrap();
            server.write_all(b"hello").await.unwrap();
            server.shutdown().await.unwrap();
        };
        let reading = async {
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            all
        };
        let ((), all) = tokio::join!(writing, reading);
        assert_eq!(all, [SWITCHED, b"hello"].concat());
    }

    #[test]
    fn the_end_of_a_head_is_found_whatever_the_pieces() {
        let ends = |text: &[u8]| {
            text.iter()
                .try_fold(0, |found, byte| end_so_far(found, *byte))
                .is_none()
        };
        assert!(ends(b"\r\n\r\n"));
        assert!(ends(b"GET\r\r\n\r\n"));
        assert!(!ends(b"\r\n\n\r\n"));
        assert!(!ends(b"\r\n\r"));
    }
}
