//! A WebSocket on its way to being a subscriber: upgrade, greeting, subscriptions.

use std::{ops::Range, sync::Arc, time::Duration};

use anyhow::Context as _;

use super::{
    dialect::Dialect,
    frame,
    herd::{Ear, Herd, Line, dial},
};

/// What a socket is to do.
#[derive(Clone)]
pub(crate) struct Want {
    /// The channels it subscribes to.
    pub(crate) channels: Range<usize>,
    /// Names the person it belongs to.
    pub(crate) token: Option<Arc<str>>,
    /// Whether it publishes on its channels instead of reading them.
    pub(crate) speaks: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Upgrading,
    Greeting,
    /// So many subscriptions are not acknowledged.
    Joining(usize),
    Ready,
}

/// A socket.
pub(crate) struct Socket {
    want: Want,
    pub(crate) phase: Phase,
    heard: Heard,
}

/// Which messages of its channel a socket has heard.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// The place of the newest; 0: none yet.
    newest: u32,
    /// Which of the 64 up to it, the newest in the lowest bit.
    recent: u64,
}

impl Heard {
    /// Whether this one is new. Messages that were under way at once in requests of their own may overtake each other,
    /// in `ordered` ways none may.
    fn is_new(&mut self, place: u32, ordered: bool) -> bool {
        if place > self.newest {
            let by = place - self.newest;
            self.recent = self.recent.checked_shl(by).unwrap_or(0) | 1;
            self.newest = place;
            return true;
        }
        let bit = 1_u64.checked_shl(self.newest - place).unwrap_or(0);
        let is_new = !ordered && bit != 0 && self.recent & bit == 0;
        self.recent |= bit;
        is_new
    }
}

/// A connection of a run.
pub(crate) enum Peer {
    Socket(Socket),
    /// One that carries requests.
    Http,
}

/// Whom sockets talk to.
#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) port: u16,
    pub(crate) dialect: Dialect,
    pub(crate) names: Arc<[String]>,
}

/// Sockets that are being set up at the same time.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);

impl Socket {
    /// Whether the message at this place was not heard yet.
    pub(crate) fn hears(&mut self, place: u32, ordered: bool) -> bool {
        self.heard.is_new(place, ordered)
    }

    pub(crate) fn new(want: Want) -> Self {
        Self {
            want,
            phase: Phase::Upgrading,
            heard: Heard::default(),
        }
    }

    pub(crate) fn speaks(&self) -> bool {
        self.want.speaks
    }

    pub(crate) fn channels(&self) -> Range<usize> {
        self.want.channels.clone()
    }

    /// The first thing it says.
    pub(crate) fn request(&self, party: &Party) -> String {
        let host = format!("127.0.0.1:{}", party.port);
        frame::request(&party.dialect.path(self.want.token.as_deref()), &host)
    }

    /// Hears one step of the way. Answers how many bytes it took; 0: more are needed.
    pub(crate) fn step(&mut self, party: &Party, line: &mut Line, bytes: &[u8]) -> anyhow::Result<usize> {
        if self.phase == Phase::Upgrading {
            let Some(end) = frame::upgraded(bytes)? else {
                return Ok(0);
            };
            if party.dialect.greets() {
                self.phase = Phase::Greeting;
            } else {
                self.join(party, line, "")?;
            }
            return Ok(end);
        }
        let Some(frame) = frame::parse(bytes)? else {
            return Ok(0);
        };
        anyhow::ensure!(frame.opcode != frame::CLOSE, "{}", farewell(frame.payload));
        match self.phase {
            Phase::Greeting => self.join(party, line, &Dialect::socket_id(frame.payload)?)?,
            Phase::Joining(left) if party.dialect.is_joined(frame.payload)? => {
                self.phase = if left > 1 {
                    Phase::Joining(left - 1)
                } else {
                    Phase::Ready
                };
            }
            Phase::Upgrading | Phase::Joining(_) | Phase::Ready => {}
        }
        Ok(frame.len)
    }

    fn join(&mut self, party: &Party, line: &mut Line, socket_id: &str) -> anyhow::Result<()> {
        let channels = self.channels();
        let names = party.names.get(channels).context("channels without names")?;
        let mut out = Vec::new();
        for name in names {
            party.dialect.subscribe(&mut out, socket_id, name);
        }
        self.phase = if names.is_empty() {
            Phase::Ready
        } else {
            Phase::Joining(names.len())
        };
        line.send(&out)
    }
}

/// Words for a close frame that nobody expected.
pub(crate) fn farewell(payload: &[u8]) -> String {
    let (code, reason) = payload.split_at_checked(2).unwrap_or((&[0, 0], payload));
    let code = u16::from(code[0]) << 8 | u16::from(code[1]);
    format!(
        "the server closed with {code}: {}",
        String::from_utf8_lossy(reason)
    )
}

/// Sets sockets up, a few at a time, until all are ready.
pub(crate) fn assemble(
    herd: &mut Herd<Peer>,
    party: &Party,
    wants: impl IntoIterator<Item = Want>,
) -> anyhow::Result<()> {
    let mut setting = Setting::new(party);
    let mut begun = 0;
    for want in wants {
        let socket = Socket::new(want);
        let request = socket.request(party);
        let member = herd.join(dial(party.port, begun)?, Peer::Socket(socket))?;
        herd.member(member)?.line().send(request.as_bytes())?;
        begun += 1;
        herd.until(&mut setting, PATIENCE, |setting| begun - setting.ready < AT_ONCE)?;
    }
    herd.until(&mut setting, PATIENCE, |setting| setting.ready == begun)
}

/// Hears sockets on their way, and does not mind what they hear when they are there.
pub(crate) struct Setting<'a> {
    party: &'a Party,
    ready: usize,
}

impl<'a> Setting<'a> {
    pub(crate) fn new(party: &'a Party) -> Self {
        Self { party, ready: 0 }
    }
}

impl Ear<Peer> for Setting<'_> {
    fn hear(
        &mut self,
        _member: usize,
        peer: &mut Peer,
        line: &mut Line,
        bytes: &[u8],
    ) -> anyhow::Result<usize> {
        let Peer::Socket(socket) = peer else {
            return Ok(0);
        };
        let mut at = 0;
        loop {
            let before = socket.phase;
            let taken = socket.step(self.party, line, &bytes[at..])?;
            if taken == 0 {
                return Ok(at);
            }
            at += taken;
            if before != Phase::Ready && socket.phase == Phase::Ready {
                self.ready += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overtakes_is_new_once_and_what_is_repeated_never() {
        let mut heard = Heard::default();
        let mut new = |place, ordered| heard.is_new(place, ordered);
        assert!(new(1, false) && new(3, false) && new(2, false));
        assert!(!new(2, false) && !new(3, false));
        assert!(new(200, false) && !new(100, false), "too long ago to know");
        assert!(!new(199, true), "out of order");
    }
}
