//! What is said to a server: the Pusher protocol, version 7, or the few words that the bare loop knows.

use std::sync::Arc;

use anyhow::Context as _;
use ring::hmac;
use serde_json::{Value, json};

use super::{
    frame,
    stamp::{Shape, Stamp},
};

/// How to speak.
#[derive(Clone)]
pub(crate) enum Dialect {
    /// `S` and a channel subscribes, `P`, a channel, a space and a message publishes.
    Bare,
    /// An application of a Pusher server.
    Pusher(Arc<App>),
}

/// A Pusher application.
pub(crate) struct App {
    pub(crate) id: String,
    /// Public.
    pub(crate) key: String,
    secret: hmac::Key,
}

impl App {
    pub(crate) fn new(id: &str, key: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            key: key.to_owned(),
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        }
    }

    /// HMAC-SHA256.
    pub(crate) fn mac(&self, text: &str) -> hmac::Tag {
        hmac::sign(&self.secret, text.as_bytes())
    }

    /// The same in hexadecimal.
    pub(crate) fn sign(&self, text: &str) -> String {
        hex(self.mac(text).as_ref())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xf] {
            out.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    out
}

impl Dialect {
    /// Where a socket is opened.
    pub(crate) fn path(&self, token: Option<&str>) -> String {
        match self {
            Self::Bare => "/".into(),
            Self::Pusher(app) => {
                let token = token.map(|token| format!("&token={token}")).unwrap_or_default();
                format!("/app/{}?protocol=7&client=bench&version=1.0{token}", app.key)
            }
        }
    }

    /// Whether the server speaks first.
    pub(crate) fn greets(&self) -> bool {
        matches!(self, Self::Pusher(_))
    }

    /// The socket's id, of a greeting.
    pub(crate) fn socket_id(greeting: &[u8]) -> anyhow::Result<String> {
        let told = || format!("no greeting: {}", String::from_utf8_lossy(greeting));
        let greeting: Value = serde_json::from_slice(greeting).with_context(told)?;
        let data = greeting["data"].as_str().with_context(told)?;
        let data: Value = serde_json::from_str(data).with_context(told)?;
        Ok(data["socket_id"].as_str().with_context(told)?.to_owned())
    }

    /// Appends the frame that subscribes to a private channel.
    pub(crate) fn subscribe(&self, out: &mut Vec<u8>, socket_id: &str, channel: &str) {
        let text = match self {
            Self::Bare => format!("S{channel}"),
            Self::Pusher(app) => {
                let auth = format!("{}:{}", app.key, app.sign(&format!("{socket_id}:{channel}")));
                let data = json!({ "channel": channel, "auth": auth });
                json!({ "event": "pusher:subscribe", "data": data }).to_string()
            }
        };
        frame::put_masked(out, frame::TEXT, text.as_bytes());
    }

    /// Whether this acknowledges a subscription.
    ///
    /// # Errors
    /// When it refuses one.
    pub(crate) fn is_joined(&self, payload: &[u8]) -> anyhow::Result<bool> {
        let text = std::str::from_utf8(payload)?;
        match self {
            Self::Bare => Ok(text == "+"),
            Self::Pusher(_) => {
                anyhow::ensure!(
                    !text.contains("pusher:error") && !text.contains("pusher:subscription_error"),
                    "refused: {text}"
                );
                Ok(text.contains("pusher_internal:subscription_succeeded"))
            }
        }
    }

    /// Appends the frame that publishes a message over a socket. `text` is for use in between.
    pub(crate) fn publish(
        &self,
        out: &mut Vec<u8>,
        text: &mut Vec<u8>,
        channel: &str,
        shape: Shape,
        stamp: Stamp,
    ) {
        text.clear();
        match self {
            Self::Bare => {
                text.push(b'P');
                text.extend_from_slice(channel.as_bytes());
                text.push(b' ');
                shape.put(text, stamp, false);
            }
            Self::Pusher(_) => {
                text.extend_from_slice(br#"{"event":"client-m","channel":""#);
                text.extend_from_slice(channel.as_bytes());
                text.extend_from_slice(br#"","data":""#);
                shape.put(text, stamp, true);
                text.extend_from_slice(b"\"}");
            }
        }
        frame::put_masked(out, frame::TEXT, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_protocols_example() {
        let app = App::new("3", "278d425bdf160c739803", "7ad3773142a6692b25b8");
        assert_eq!(
            app.sign("1234.1234:private-foobar"),
            "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
        );
    }

    #[test]
    fn a_socket_id_is_found_in_a_greeting_and_nowhere_else() {
        let greeting = br#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":120}"}"#;
        assert_eq!(Dialect::socket_id(greeting).unwrap(), "1.2");
        assert!(Dialect::socket_id(br#"{"event":"pusher:error","data":{"code":4001}}"#).is_err());
    }
}
