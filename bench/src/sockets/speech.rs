//! The three ways to publish: as a frame on a socket, as a signed HTTP request, or several in one such request.

use std::time::SystemTime;

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use md5::{Digest as _, Md5};
use ring::hmac;
use serde_json::Value;

use super::{
    dialect::{App, Dialect, hex},
    herd::{Herd, Member},
    socket::Party,
    stamp::{Shape, Stamp},
};

/// How messages get to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Frames: client events, on the Pusher protocol.
    Socket,
    /// So many in one signed `batch_events` request, on so many connections.
    Batch { messages: usize, connections: usize },
    /// One signed `events` request each, on so many connections.
    Http { connections: usize },
}

impl Way {
    /// Messages that go together.
    pub(crate) fn step(self) -> usize {
        match self {
            Self::Socket | Self::Http { .. } => 1,
            Self::Batch { messages, .. } => messages,
        }
    }

    pub(crate) fn connections(self) -> usize {
        match self {
            Self::Socket => 0,
            Self::Batch { connections, .. } | Self::Http { connections } => connections,
        }
    }
}

/// Writes messages down and sends them.
pub(crate) struct Speech {
    party: Party,
    shape: Shape,
    way: Way,
    /// Members that publish over sockets, each on as many channels as the first.
    speakers: Vec<usize>,
    each: usize,
    /// What waits to be sent, by speaker.
    out: Vec<Vec<u8>>,
    text: Vec<u8>,
    body: Vec<u8>,
    /// The last number given to a message, of all and by channel.
    number: u32,
    places: Vec<u32>,
}

impl Speech {
    /// `speakers` are members and serve `each` channels each, in the order of the channels.
    pub(crate) fn new(party: Party, shape: Shape, way: Way, speakers: Vec<usize>, each: usize) -> Self {
        let channels = party.names.len();
        Self {
            party,
            shape,
            way,
            out: vec![Vec::new(); speakers.len()],
            speakers,
            each,
            text: Vec::new(),
            body: Vec::new(),
            number: 0,
            places: vec![0; channels],
        }
    }

    /// Messages so far.
    pub(crate) fn published(&self) -> u32 {
        self.number
    }

    /// Numbers the next message; channels take turns.
    fn next(&mut self) -> (usize, Stamp) {
        let channel = self.number as usize % self.places.len();
        self.number += 1;
        self.places[channel] += 1;
        let stamp = Stamp {
            number: self.number,
            place: self.places[channel],
        };
        (channel, stamp)
    }

    /// Writes a message down for its speaker.
    pub(crate) fn say(&mut self) -> anyhow::Result<()> {
        let (channel, stamp) = self.next();
        let out = self
            .out
            .get_mut(channel / self.each)
            .context("a channel nobody speaks on")?;
        let name = &self.party.names[channel];
        self.party
            .dialect
            .publish(out, &mut self.text, name, self.shape, stamp);
        Ok(())
    }

    /// Sends what was written down: one write per speaker.
    pub(crate) fn flush<T>(&mut self, herd: &mut Herd<T>) -> anyhow::Result<()> {
        for (speaker, out) in self.speakers.iter().zip(&mut self.out) {
            if !out.is_empty() {
                herd.member(*speaker)?.line().send(out)?;
                out.clear();
            }
        }
        Ok(())
    }

    /// Sends one request with the next messages.
    pub(crate) fn post<T>(&mut self, member: &mut Member<T>) -> anyhow::Result<()> {
        let Dialect::Pusher(app) = self.party.dialect.clone() else {
            anyhow::bail!("the bare loop knows no HTTP");
        };
        self.body.clear();
        let (batch, verb) = match self.way {
            Way::Batch { messages, .. } => (messages, "batch_events"),
            Way::Socket | Way::Http { .. } => (1, "events"),
        };
        if batch > 1 {
            self.body.extend_from_slice(br#"{"batch":["#);
        }
        for turn in 0..batch {
            if turn > 0 {
                self.body.push(b',');
            }
            let (channel, stamp) = self.next();
            self.body.extend_from_slice(br#"{"name":"m","channel":""#);
            self.body.extend_from_slice(self.party.names[channel].as_bytes());
            self.body.extend_from_slice(br#"","data":""#);
            self.shape.put(&mut self.body, stamp, true);
            self.body.extend_from_slice(b"\"}");
        }
        if batch > 1 {
            self.body.extend_from_slice(b"]}");
        }
        self.text.clear();
        let head = head(&app, verb, &self.body, now()?);
        self.text.extend_from_slice(head.as_bytes());
        self.text.extend_from_slice(&self.body);
        member.line().send(&self.text)
    }
}

/// The head of a signed request.
fn head(app: &App, verb: &str, body: &[u8], now: u64) -> String {
    let path = format!("/apps/{}/{verb}", app.id);
    let query = format!(
        "auth_key={}&auth_timestamp={now}&auth_version=1.0&body_md5={}",
        app.key,
        hex(&Md5::digest(body))
    );
    let signature = app.sign(&format!("POST\n{path}\n{query}"));
    format!(
        "POST {path}?{query}&auth_signature={signature} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "signatures are dated, and the server that checks them has the same clock"
)]
pub(crate) fn now() -> anyhow::Result<u64> {
    Ok(SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs())
}

/// A person's token (RFC 7519), with the signature that `mac` makes of it.
pub(crate) fn token(claims: &Value, mac: impl FnOnce(&str) -> hmac::Tag) -> String {
    let text = format!(
        "{}.{}",
        BASE64.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        BASE64.encode(claims.to_string())
    );
    let signature = BASE64.encode(mac(&text));
    format!("{text}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_as_in_the_protocols_example() {
        let app = App::new("3", "278d425bdf160c739803", "7ad3773142a6692b25b8");
        let body = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
        let head = head(&app, "events", body, 1_353_088_179);
        assert!(
            head.contains("auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"),
            "{head}"
        );
    }
}
