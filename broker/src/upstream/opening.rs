//! The client's side of the opening handshake (RFC 6455 §4.1). The library writes the request and reads the answer; reading the
//! stream is ours, so that what came along with the answer is not lost in a buffer of the library's.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    ClientRequestBuilder,
    client::IntoClientRequest as _,
    handshake::{
        client::{Response, generate_request},
        derive_accept_key,
        machine::TryParse as _,
    },
    http::{StatusCode, Uri, header},
};
use url::Url;

use crate::handshake::{only, tokens};

/// So many bytes an answer may have before its header ends.
const LARGEST: usize = 16 << 10;

/// Room for most answers.
const USUAL: usize = 512;

/// The other side does not open a WebSocket, or not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub(super) url: &'a Url,
    pub(super) subprotocol: Option<&'a str>,
    /// Headers of the tenant's, none of them of the handshake itself.
    pub(super) headers: &'a [(String, String)],
}

impl Wanted<'_> {
    /// The request's bytes, and the key that its answer hangs on.
    fn request(&self) -> Result<(Vec<u8>, String), Refused> {
        let uri: Uri = self.url.as_str().parse().map_err(|_| Refused)?;
        let mut request = ClientRequestBuilder::new(uri);
        for (name, value) in self.headers {
            request = request.with_header(name, value);
        }
        if let Some(subprotocol) = self.subprotocol {
            request = request.with_sub_protocol(subprotocol);
        }
        let request = request.into_client_request().map_err(|_| Refused)?;
        generate_request(request).map_err(|_| Refused)
    }

    /// Any other answer than the right one is a refusal, a redirect included.
    fn is_met(&self, answer: &Response, key: &str) -> bool {
        let headers = answer.headers();
        let lists = |name, token| tokens(headers, name).any(|word| word.eq_ignore_ascii_case(token));
        answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && lists(header::UPGRADE, "websocket")
            && lists(header::CONNECTION, "upgrade")
            && only(headers, &header::SEC_WEBSOCKET_ACCEPT) == Some(&derive_accept_key(key.as_bytes()))
            // Nothing was offered but this subprotocol, and no extension.
            && only(headers, &header::SEC_WEBSOCKET_PROTOCOL) == self.subprotocol
            && !headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
    }
}

/// Opens a WebSocket on a stream. Answers what the other side said along with its answer.
pub(super) async fn open<IO>(stream: &mut IO, wanted: &Wanted<'_>) -> Result<Vec<u8>, Refused>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (request, key) = wanted.request()?;
    stream.write_all(&request).await.map_err(|_| Refused)?;
    stream.flush().await.map_err(|_| Refused)?;
    let mut said = Vec::with_capacity(USUAL);
    while said.len() < LARGEST {
        if stream.read_buf(&mut said).await.map_err(|_| Refused)? == 0 {
            return Err(Refused);
        }
        if let Some((length, answer)) = Response::try_parse(&said).map_err(|_| Refused)? {
            return if wanted.is_met(&answer, &key) {
                Ok(said.split_off(length))
            } else {
                Err(Refused)
            };
        }
    }
    Err(Refused)
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What comes of asking for `chat` where the other side says this; `ACCEPT` stands for the right value.
    async fn asked(answer: &str) -> Result<Vec<u8>, Refused> {
        let (mut ours, mut theirs) = duplex(64);
        let answer = answer.replace('\n', "\r\n");
        let other = tokio::spawn(async move {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                theirs.read_buf(&mut asked).await.unwrap();
            }
            let asked = String::from_utf8(asked).unwrap();
            let key = asked.split("Sec-WebSocket-Key: ").nth(1).unwrap();
            let accept = derive_accept_key(key.lines().next().unwrap().as_bytes());
            // It may have hung up by then.
            let _ = theirs
                .write_all(answer.replace("ACCEPT", &accept).as_bytes())
                .await;
            asked
        });
        let wanted = Wanted {
            url: &"ws://back.example:81/in?a=b".parse().unwrap(),
            subprotocol: Some("chat"),
            headers: &[("X-Secret".to_owned(), "open".to_owned())],
        };
        let opened = open(&mut ours, &wanted).await;
        drop(ours);
        let asked = other.await.unwrap();
        assert!(asked.starts_with("GET /in?a=b HTTP/1.1\r\n"), "{asked}");
        for line in [
            "Host: back.example:81",
            "x-secret: open",
            "Sec-WebSocket-Protocol: chat",
        ] {
            assert!(asked.lines().any(|each| each == line), "{line}: {asked}");
        }
        opened
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\nUpgrade: WebSocket\nConnection: keep-alive, Upgrade\n\
        Sec-WebSocket-Accept: ACCEPT\nSec-WebSocket-Protocol: chat\n\n";

    #[tokio::test]
    async fn what_comes_along_with_the_answer_is_kept() {
        assert_eq!(asked(GOOD).await, Ok(Vec::new()));
        assert_eq!(
            asked(&format!("{GOOD}early"))
                .await
                .map(|rest| b"early".starts_with(&rest)),
            Ok(true)
        );
    }

    #[tokio::test]
    async fn an_answer_with_anything_wrong_is_a_refusal() {
        for (right, wrong) in [
            ("101", "200"),
            ("101", "302"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("WebSocket\n", "h2c\n"),
            ("keep-alive, Upgrade", "close"),
            ("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Protocol: chat", "Protocol: other"),
            ("Sec-WebSocket-Protocol: chat\n", ""),
            (
                "Upgrade: ",
                "Sec-WebSocket-Extensions: permessage-deflate\nUpgrade: ",
            ),
            ("HTTP/1.1", "SSH-2.0"),
        ] {
            assert!(GOOD.contains(right), "{right}");
            assert_eq!(
                asked(&GOOD.replacen(right, wrong, 1)).await,
                Err(Refused),
                "{wrong}"
            );
        }
        let endless = format!("HTTP/1.1 101 Switching Protocols\nX: {}", "x".repeat(LARGEST));
        assert_eq!(asked(&endless).await, Err(Refused));
        assert_eq!(asked("HTTP/1.1 101").await, Err(Refused));
    }
}
