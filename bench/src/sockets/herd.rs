//! Thousands of connections in one thread: epoll (7), edge-triggered, one read per connection and turn into one buffer.
//! A connection owns nothing but its socket and the beginning of a message that has not arrived as a whole.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, Timespec, epoll, poll},
    fd::OwnedFd,
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, socket_with, sockopt},
};

/// Room for one read: many small messages, or a few large ones.
const BUFFER: usize = 256 << 10;
/// Connections that one turn may hear.
const EVENTS: usize = 1024;
/// How long a server may refuse to take what is sent to it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections.
pub(crate) struct Herd<T> {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    members: Vec<Member<T>>,
    buffer: Vec<u8>,
}

/// A connection and what is known about it.
pub(crate) struct Member<T> {
    line: Line,
    /// What came and is not a whole message yet.
    carry: Vec<u8>,
    pub(crate) state: T,
}

/// A non-blocking socket, or what is left of it.
pub(crate) struct Line(Option<TcpStream>);

/// Hears what arrives.
pub(crate) trait Ear<T> {
    /// Takes whole messages off the front of the bytes and answers how many bytes those were.
    fn hear(&mut self, member: usize, state: &mut T, line: &mut Line, bytes: &[u8]) -> anyhow::Result<usize>;

    /// The other side hung up.
    fn gone(&mut self, member: usize, state: &mut T) -> anyhow::Result<()> {
        let _ = state;
        bail!("the server hung up on connection {member}")
    }
}

/// Connects to a server on loopback. Addresses of the sender are taken in turn from 127.0.0.2 on, since one address has
/// only so many ports.
pub(crate) fn dial(port: u16, turn: usize) -> anyhow::Result<TcpStream> {
    let stream = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        Some(ipproto::TCP),
    )?;
    let last = u8::try_from(2 + turn % ADDRESSES)?;
    bind(&stream, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0)).context("a port to call from")?;
    connect(&stream, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
        .context("the server does not take calls")?;
    sockopt::set_tcp_nodelay(&stream, true)?;
    let stream = TcpStream::from(stream);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Addresses that calls come from.
pub(crate) const ADDRESSES: usize = 64;

impl<T> Herd<T> {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS),
            members: Vec::new(),
            buffer: vec![0; BUFFER],
        })
    }

    /// Takes a connection in and answers its number.
    pub(crate) fn join(&mut self, stream: TcpStream, state: T) -> anyhow::Result<usize> {
        let member = self.members.len();
        self.watch(member, &stream)?;
        self.members.push(Member {
            line: Line(Some(stream)),
            carry: Vec::new(),
            state,
        });
        Ok(member)
    }

    /// Puts another connection in the place of one that ended.
    pub(crate) fn replace(&mut self, member: usize, stream: TcpStream, state: T) -> anyhow::Result<()> {
        self.watch(member, &stream)?;
        let place = self.members.get_mut(member).context("no such connection")?;
        place.line = Line(Some(stream));
        place.carry.clear();
        place.state = state;
        Ok(())
    }

    fn watch(&self, member: usize, stream: &TcpStream) -> anyhow::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(
            &self.epoll,
            stream,
            epoll::EventData::new_u64(member as u64),
            flags,
        )
        .context("a connection cannot be watched")
    }

    pub(crate) fn member(&mut self, member: usize) -> anyhow::Result<&mut Member<T>> {
        self.members.get_mut(member).context("no such connection")
    }

    /// Waits until somebody is heard, or for so long, and lets the ear hear everybody who was. Answers whether there was
    /// anybody.
    pub(crate) fn turn(&mut self, wait: Duration, ear: &mut impl Ear<T>) -> anyhow::Result<bool> {
        self.events.clear();
        let wait = Timespec::try_from(wait)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for event in &self.events {
            let index = usize::try_from(event.data.u64())?;
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            member.read(index, &mut self.buffer, ear)?;
        }
        Ok(!self.events.is_empty())
    }

    /// Turns until something is so.
    ///
    /// # Errors
    /// When it is not so in time.
    pub(crate) fn until<E: Ear<T>>(
        &mut self,
        ear: &mut E,
        within: Duration,
        done: impl Fn(&E) -> bool,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + within;
        while !done(ear) {
            self.turn(Duration::from_millis(50), ear)?;
            ensure!(Instant::now() < end, "waited {within:?} in vain");
        }
        Ok(())
    }
}

impl<T> Member<T> {
    fn read(&mut self, index: usize, buffer: &mut [u8], ear: &mut impl Ear<T>) -> anyhow::Result<()> {
        loop {
            let Some(stream) = self.line.0.as_mut() else {
                return Ok(());
            };
            let kept = self.carry.len();
            buffer
                .get_mut(..kept)
                .context("a message larger than the buffer")?
                .copy_from_slice(&self.carry);
            ensure!(kept < buffer.len(), "a message larger than the buffer");
            let read = match stream.read(&mut buffer[kept..]) {
                Ok(0) => {
                    self.line.hang_up();
                    return ear.gone(index, &mut self.state);
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    self.line.hang_up();
                    return ear.gone(index, &mut self.state);
                }
                Err(error) => return Err(error).context("reading"),
            };
            let there = kept + read;
            let taken = ear.hear(index, &mut self.state, &mut self.line, &buffer[..there])?;
            self.carry.clear();
            self.carry.extend_from_slice(&buffer[taken..there]);
            // A read that did not fill the buffer emptied the socket (epoll (7), "Questions and answers", 9).
            if there < buffer.len() {
                return Ok(());
            }
        }
    }

    pub(crate) fn line(&mut self) -> &mut Line {
        &mut self.line
    }
}

impl Line {
    /// Sends everything. What is sent here is small; a server that takes none of it for long has failed.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        let Some(stream) = self.0.as_mut() else {
            bail!("the connection is closed");
        };
        let mut waited: Option<Instant> = None;
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let since = *waited.get_or_insert_with(Instant::now);
                    ensure!(since.elapsed() < PATIENCE, "the server does not read");
                    let mut room = [PollFd::new(&*stream, PollFlags::OUT)];
                    poll(&mut room, Some(&Timespec::try_from(Duration::from_millis(100))?))?;
                }
                Err(error) => return Err(error).context("writing"),
            }
        }
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_none()
    }

    /// Closes the socket, if it is not.
    pub(crate) fn hang_up(&mut self) {
        self.0 = None;
    }
}
