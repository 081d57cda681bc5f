//! The bare loop that everything is compared with: one thread, epoll, one write per subscriber and burst. It speaks
//! WebSocket and nothing above it: no protocol, no limits, no signatures. What is slower than this is slower by what it
//! does besides.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read as _, Write as _, stdout},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;
use rustix::{buffer::spare_capacity, event::epoll, fd::OwnedFd};

use super::frame;

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const LISTENER: u64 = u64::MAX;
/// What may wait for one subscriber before it is dropped.
const BACKLOG: usize = 16 << 20;

/// A process of its own: `bench bare-loop`. Says its port on a line and serves until it is killed.
pub(crate) fn serve() -> anyhow::Result<()> {
    let mut server = Bare::open(0)?;
    let mut out = stdout();
    writeln!(out, "{}", server.port()?)?;
    out.flush()?;
    loop {
        server.turn()?;
    }
}

/// The server.
pub(crate) struct Bare {
    listener: TcpListener,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    names: HashMap<Vec<u8>, usize>,
    channels: Vec<Channel>,
    /// Channels with something to send.
    due: Vec<usize>,
    /// Loses every so many deliveries; 0: none. To see that the generator sees it.
    lose: usize,
    sent: usize,
}

struct Peer {
    stream: TcpStream,
    upgraded: bool,
    /// What came and is not a whole frame yet.
    carry: Vec<u8>,
    /// What the socket did not take yet.
    backlog: Vec<u8>,
    channels: Vec<usize>,
}

#[derive(Default)]
struct Channel {
    subscribers: Vec<usize>,
    /// The frames of this turn, written once and sent to everybody.
    burst: Vec<u8>,
}

/// What a client said.
enum Word {
    Subscribe(Vec<u8>),
    Publish(std::ops::Range<usize>),
    Close,
    Nothing,
}

impl Bare {
    pub(crate) fn open(lose: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            epoll::EventData::new_u64(LISTENER),
            epoll::EventFlags::IN,
        )?;
        Ok(Self {
            listener,
            epoll,
            events: Vec::with_capacity(1024),
            buffer: vec![0; 256 << 10],
            peers: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            channels: Vec::new(),
            due: Vec::new(),
            lose,
            sent: 0,
        })
    }

    pub(crate) fn port(&self) -> anyhow::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Reads whatever came, then sends whatever follows from it.
    pub(crate) fn turn(&mut self) -> anyhow::Result<()> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for at in 0..self.events.len() {
            let event = self.events[at];
            if event.data.u64() == LISTENER {
                self.accept()?;
                continue;
            }
            let index = usize::try_from(event.data.u64())?;
            let flags = event.flags;
            if flags.contains(epoll::EventFlags::OUT) {
                self.drain(index);
            }
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
                && self.read(index).is_err()
            {
                self.forget(index);
            }
        }
        self.fan_out();
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accepting"),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            // OUT is told only after a write that found no room, so it costs nothing to ask for it at once.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(
                &self.epoll,
                &stream,
                epoll::EventData::new_u64(index as u64),
                flags,
            )?;
            self.peers[index] = Some(Peer {
                stream,
                upgraded: false,
                carry: Vec::new(),
                backlog: Vec::new(),
                channels: Vec::new(),
            });
        }
    }

    fn read(&mut self, index: usize) -> anyhow::Result<()> {
        loop {
            let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) else {
                return Ok(());
            };
            let kept = peer.carry.len();
            self.buffer[..kept].copy_from_slice(&peer.carry);
            let read = match peer.stream.read(&mut self.buffer[kept..]) {
                Ok(0) => anyhow::bail!("hung up"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let there = kept + read;
            let mut at = 0;
            if !peer.upgraded {
                let Some(end) = frame::head(&self.buffer[..there]) else {
                    peer.carry = self.buffer[..there].to_vec();
                    return Ok(());
                };
                let answer = agree(&self.buffer[..end])?;
                peer.stream.write_all(answer.as_bytes())?;
                peer.upgraded = true;
                at = end;
            }
            while let Some((opcode, range)) = frame::parse_masked(&mut self.buffer[at..there])? {
                let range = at + range.start..at + range.end;
                at = range.end;
                self.word(index, opcode, range)?;
            }
            if let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) {
                peer.carry.clear();
                peer.carry.extend_from_slice(&self.buffer[at..there]);
            }
            if there < self.buffer.len() {
                return Ok(());
            }
        }
    }

    fn word(&mut self, index: usize, opcode: u8, range: std::ops::Range<usize>) -> anyhow::Result<()> {
        let said = &self.buffer[range.clone()];
        let word = match (opcode, said.first()) {
            (frame::CLOSE, _) => Word::Close,
            (frame::TEXT, Some(b'S')) => Word::Subscribe(said[1..].to_vec()),
            (frame::TEXT, Some(b'P')) => Word::Publish(range.start + 1..range.end),
            _ => Word::Nothing,
        };
        match word {
            Word::Subscribe(name) => {
                let next = self.channels.len();
                let channel = *self.names.entry(name).or_insert(next);
                if channel == next {
                    self.channels.push(Channel::default());
                }
                self.channels[channel].subscribers.push(index);
                if let Some(peer) = self.peers[index].as_mut() {
                    peer.channels.push(channel);
                }
                self.say(index, frame::TEXT, b"+")
            }
            Word::Publish(range) => {
                let said = &self.buffer[range];
                let space = said.iter().position(|byte| *byte == b' ').context("no channel")?;
                if let Some(&index) = self.names.get(&said[..space]) {
                    let channel = &mut self.channels[index];
                    if channel.burst.is_empty() {
                        self.due.push(index);
                    }
                    frame::put(&mut channel.burst, frame::TEXT, &said[space + 1..]);
                }
                Ok(())
            }
            Word::Close => {
                self.say(index, frame::CLOSE, &[])?;
                self.forget(index);
                Ok(())
            }
            Word::Nothing => Ok(()),
        }
    }

    fn say(&mut self, index: usize, opcode: u8, payload: &[u8]) -> anyhow::Result<()> {
        let mut out = Vec::with_capacity(16);
        frame::put(&mut out, opcode, payload);
        let peer = self.peers[index].as_mut().context("gone")?;
        peer.stream.write_all(&out)?;
        Ok(())
    }

    /// One write per subscriber and burst.
    fn fan_out(&mut self) {
        for at in 0..self.due.len() {
            let channel = &mut self.channels[self.due[at]];
            let burst = std::mem::take(&mut channel.burst);
            let subscribers = std::mem::take(&mut channel.subscribers);
            for index in &subscribers {
                self.sent += 1;
                if self.lose > 0 && self.sent.is_multiple_of(self.lose) {
                    continue;
                }
                let Some(peer) = self.peers[*index].as_mut() else {
                    continue;
                };
                if !peer.backlog.is_empty() {
                    peer.backlog.extend_from_slice(&burst);
                    continue;
                }
                match peer.stream.write(&burst) {
                    Ok(written) if written == burst.len() => {}
                    Ok(written) => peer.backlog.extend_from_slice(&burst[written..]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        peer.backlog.extend_from_slice(&burst);
                    }
                    // Its end is read, and then it is forgotten.
                    Err(_) => {}
                }
            }
            let channel = &mut self.channels[self.due[at]];
            channel.subscribers = subscribers;
            channel.burst = burst;
            channel.burst.clear();
        }
        self.due.clear();
    }

    fn drain(&mut self, index: usize) {
        let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        while !peer.backlog.is_empty() {
            match peer.stream.write(&peer.backlog) {
                Ok(written) => {
                    peer.backlog.drain(..written);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && peer.backlog.len() < BACKLOG => return,
                Err(_) => return self.forget(index),
            }
        }
    }

    fn forget(&mut self, index: usize) {
        if let Some(peer) = self.peers.get_mut(index).and_then(Option::take) {
            for channel in peer.channels {
                self.channels[channel].subscribers.retain(|other| *other != index);
            }
            self.free.push(index);
        }
    }
}

/// The answer to a request for an upgrade.
fn agree(request: &[u8]) -> anyhow::Result<String> {
    let request = std::str::from_utf8(request)?;
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .context("no key")?;
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.trim().as_bytes());
    hash.update(GUID);
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(hash.finish())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_rfc() {
        let answer = agree(frame::request("/", "localhost").as_bytes()).unwrap();
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    }
}
