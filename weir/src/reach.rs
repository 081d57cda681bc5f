//! Whether Redis answers: one greeting, so that a wrong address is found at the start and not with the first message.
//! The crate `broker` will talk to it for good; this only asks whether anybody is there.

use std::{io, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{settings::redact_url, trouble::Trouble};

/// How long a greeting may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest line that is read of an answer, in bytes.
const LONGEST: u64 = 4096;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Says PING to Redis, after AUTH where the address has a password. Several addresses, separated by commas, are servers of a
/// Redis Cluster: one that answers is enough, as it knows the others. Answers who is silent.
pub(crate) async fn redis(addresses: &str) -> Result<Vec<Trouble>, Trouble> {
    let mut silent = Vec::new();
    let all = addresses
        .split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty());
    let mut asked = 0;
    for address in all {
        asked += 1;
        if let Err(error) = within(ping(address)).await {
            let trouble = Trouble::new(
                format!("Redis at {} does not answer", redact_url(address)),
                "start it, or mend redis_url; without redis_url weir runs alone",
            );
            silent.push(trouble.because(error));
        }
    }
    if silent.len() < asked {
        return Ok(silent);
    }
    silent.pop().map_or(Ok(Vec::new()), Err)
}

async fn within(attempt: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    match timeout(PATIENCE, attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {PATIENCE:?}"),
        )),
    }
}

async fn ping(address: &str) -> io::Result<()> {
    let url = parse(address)?;
    let mut stream = connect(&url, 6379, url.scheme() == "rediss").await?;
    if let Some(password) = url.password() {
        let password = decoded(password);
        let user = decoded(url.username());
        let answer = match user.as_str() {
            "" => command(&mut stream, &["AUTH", &password]).await?,
            user => command(&mut stream, &["AUTH", user, &password]).await?,
        };
        expect_start(&answer, "+OK")?;
    }
    let answer = command(&mut stream, &["PING"]).await?;
    expect_start(&answer, "+PONG")
}

/// Sends a command in RESP and reads the first line of its answer.
async fn command(stream: &mut BufStream<Box<dyn Stream>>, words: &[&str]) -> io::Result<String> {
    let parts: Vec<String> = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()))
        .collect();
    let text = format!("*{}\r\n{}", words.len(), parts.concat());
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await?;
    line(stream).await
}

async fn line(stream: &mut BufStream<Box<dyn Stream>>) -> io::Result<String> {
    use tokio::io::AsyncReadExt;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_until(b'\n', &mut bytes).await?;
    if bytes.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it closed the connection",
        ));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn expect_start(answer: &str, expected: &str) -> io::Result<()> {
    if answer.starts_with(expected) {
        return Ok(());
    }
    let answer: String = answer.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(io::Error::other(format!("it answered: {answer}")))
}

fn parse(address: &str) -> io::Result<Url> {
    address
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("not an address: {error}")))
}

/// `%40` stands for `@` in the password of an address.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        if let (b'%', Some(decoded)) = (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            out.push(decoded);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

async fn connect(url: &Url, port: u16, tls: bool) -> io::Result<BufStream<Box<dyn Stream>>> {
    let host = url
        .host_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no host"))?;
    let plain_host = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((plain_host, url.port().unwrap_or(port))).await?;
    if !tls {
        return Ok(BufStream::new(Box::new(tcp)));
    }
    let config = broker::egress::Egress::new(broker::egress::EgressSettings::default())
        .tls()
        .map_err(io::Error::other)?;
    let name = ServerName::try_from(plain_host.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(&config)).connect(name, tcp).await?;
    Ok(BufStream::new(Box::new(stream)))
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    /// Accepts one connection and answers whatever comes with `answer`.
    async fn server(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            while let Ok(1..) = stream.read(&mut buffer).await {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn redis_that_wants_a_password_says_so() {
        let port = server("-NOAUTH Authentication required.\r\n").await;
        let trouble = redis(&format!("redis://127.0.0.1:{port}")).await.unwrap_err();
        assert!(trouble.cause().unwrap().contains("NOAUTH"), "{trouble}");
        let port = server("+PONG\r\n").await;
        redis(&format!("redis://127.0.0.1:{port}")).await.unwrap();
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_told_apart_from_a_wrong_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let trouble = redis(&format!("redis://:word@127.0.0.1:{port}"))
            .await
            .unwrap_err();
        assert!(trouble.cause().unwrap().contains("refused"), "{trouble}");
        assert!(!trouble.to_string().contains("word"), "{trouble}");
        let port = server("HTTP/1.1 400 Bad Request\r\n").await;
        let trouble = redis(&format!("redis://127.0.0.1:{port}")).await.unwrap_err();
        assert!(
            trouble.cause().unwrap().contains("it answered: HTTP"),
            "{trouble}"
        );
    }

    #[tokio::test]
    async fn of_a_cluster_one_that_answers_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = format!("redis://{}", listener.local_addr().unwrap());
        drop(listener);
        let port = server("+PONG\r\n").await;
        let silent = redis(&format!("{nobody}, redis://127.0.0.1:{port}"))
            .await
            .unwrap();
        assert_eq!(silent.len(), 1);
        redis(&format!("{nobody},{nobody}")).await.unwrap_err();
    }

    #[test]
    fn letters_in_a_password_come_through() {
        assert_eq!(decoded("p%40ss%2fword%"), "p@ss/word%");
    }
}
