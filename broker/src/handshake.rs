//! The server's side of the opening handshake (RFC 6455 §4.2), as questions about a request. It reads and writes no socket:
//! the HTTP server in front does, and then hands the upgraded stream to the broker.

use tokio_tungstenite::tungstenite::{
    handshake::derive_accept_key,
    http::{HeaderMap, Method, Version, header},
};

/// What a good request asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The value of `Sec-WebSocket-Accept` in the answer.
    pub accept: String,
    /// The subprotocols that the client offers, in its order of preference.
    pub protocols: Vec<String>,
    /// The page that opened the socket, where a browser said so.
    pub origin: Option<String>,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFault {
    /// Not `GET` over HTTP/1.1.
    #[error("a WebSocket opens with GET over HTTP/1.1")]
    Request,
    /// Not an upgrade to `websocket`.
    #[error("this address speaks WebSocket: send Upgrade: websocket and Connection: Upgrade")]
    Upgrade,
    /// A version other than 13; the answer says `Sec-WebSocket-Version: 13`.
    #[error("Sec-WebSocket-Version must be 13")]
    Version,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
}

impl HandshakeFault {
    /// The status of the answer: 426 where another kind of request would do, 400 otherwise.
    pub const fn status(self) -> u16 {
        match self {
            Self::Upgrade | Self::Version => 426,
            Self::Request | Self::Key => 400,
        }
    }
}

/// Checks a request and works out the answer.
///
/// # Errors
/// The first rule of RFC 6455 §4.2.1 that it breaks.
pub fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<Handshake, HandshakeFault> {
    if method != Method::GET || version < Version::HTTP_11 || version > Version::HTTP_11 {
        return Err(HandshakeFault::Request);
    }
    let lists = |name, token| tokens(headers, name).any(|word| word.eq_ignore_ascii_case(token));
    if !lists(header::UPGRADE, "websocket") || !lists(header::CONNECTION, "upgrade") {
        return Err(HandshakeFault::Upgrade);
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(HandshakeFault::Version);
    }
    let key = only(headers, &header::SEC_WEBSOCKET_KEY)
        .filter(|key| is_nonce(key))
        .ok_or(HandshakeFault::Key)?;
    Ok(Handshake {
        accept: derive_accept_key(key.as_bytes()),
        protocols: tokens(headers, header::SEC_WEBSOCKET_PROTOCOL)
            .map(Into::into)
            .collect(),
        origin: only(headers, &header::ORIGIN).map(Into::into),
    })
}

impl Handshake {
    /// The client's favourite among the subprotocols spoken here. `None` leaves the header out; a client that
    /// insists on one then fails the connection itself (RFC 6455 §4.1).
    pub fn choose<'a>(&self, spoken: &[&'a str]) -> Option<&'a str> {
        self.protocols
            .iter()
            .find_map(|offered| spoken.iter().copied().find(|known| known == offered))
    }
}

/// All words of a header that is a list, over all its lines.
pub(crate) fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// A header that must not be repeated.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).into_iter();
    let first = all.next()?.to_str().ok()?.trim();
    all.next().is_none().then_some(first)
}

/// 16 bytes are 22 characters of base64 and two of padding.
fn is_nonce(key: &str) -> bool {
    key.len() == 24
        && key.ends_with("==")
        && key
            .bytes()
            .take(22)
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("upgrade", "WebSocket".parse().unwrap());
        headers.insert("connection", "keep-alive, Upgrade".parse().unwrap());
        headers.insert("sec-websocket-version", "13".parse().unwrap());
        headers.insert("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
        headers
    }

    fn fault(change: impl FnOnce(&mut HeaderMap)) -> HandshakeFault {
        let mut headers = request();
        change(&mut headers);
        check(&Method::GET, Version::HTTP_11, &headers).unwrap_err()
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let handshake = check(&Method::GET, Version::HTTP_11, &request()).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(handshake.origin, None);
    }

    #[test]
    fn each_broken_rule_has_its_answer() {
        let set = |name: &'static str, value: &'static str| {
            move |headers: &mut HeaderMap| {
                headers.insert(name, value.parse().unwrap());
            }
        };
        assert_eq!(fault(set("upgrade", "h2c")).status(), 426);
        assert_eq!(fault(set("connection", "close")).status(), 426);
        assert_eq!(fault(set("sec-websocket-version", "8")), HandshakeFault::Version);
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=!",
            "dGhlIHNhbXBsZSBub25jZQAAAA==",
            "********************==",
        ] {
            assert_eq!(fault(set("sec-websocket-key", key)), HandshakeFault::Key, "{key}");
        }
        let twice = fault(|headers| {
            headers.append("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
        });
        assert_eq!(twice.status(), 400);
        assert_eq!(
            check(&Method::POST, Version::HTTP_11, &request()).unwrap_err(),
            HandshakeFault::Request
        );
        assert_eq!(
            check(&Method::GET, Version::HTTP_10, &request()).unwrap_err(),
            HandshakeFault::Request
        );
    }

    #[test]
    fn the_clients_favourite_subprotocol_wins() {
        let mut headers = request();
        headers.append("sec-websocket-protocol", "c, b".parse().unwrap());
        headers.append("sec-websocket-protocol", "a".parse().unwrap());
        let handshake = check(&Method::GET, Version::HTTP_11, &headers).unwrap();
        assert_eq!(handshake.choose(&["a", "b"]), Some("b"));
        assert_eq!(handshake.choose(&["z"]), None);
    }
}
