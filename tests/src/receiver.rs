//! A webhook receiver: an HTTP/1.1 server that keeps what it gets and answers as it is told.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::wait::eventually;

/// The receiver. It stops when dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    received: Vec<Received>,
    answers: VecDeque<u16>,
    otherwise: u16,
    words: Option<fn(&Value) -> String>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Received {
    /// `POST`
    pub method: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: Vec<u8>,
    /// What it was answered.
    pub answered: u16,
}

impl Receiver {
    /// Listens on a free port and answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Mutex::new(Shared {
            otherwise: 200,
            ..Shared::default()
        }));
        let kept = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                // A client that goes away in the middle is its own affair.
                conversations.spawn(async move { drop(converse(stream, &kept).await) });
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// What a webhook's `url` should be.
    pub fn url(&self) -> String {
        format!("http://{}/hook?of=acme", self.address)
    }

    /// Answers the next requests so.
    pub fn answer(&self, statuses: &[u16]) {
        self.shared.lock().unwrap().answers.extend(statuses);
    }

    /// Answers everything else so.
    pub fn answer_always(&self, status: u16) {
        self.shared.lock().unwrap().otherwise = status;
    }

    /// What it says when it answers 200, worked out from what it got; `ok` otherwise.
    pub fn say(&self, words: fn(&Value) -> String) {
        self.shared.lock().unwrap().words = Some(words);
    }

    /// Everything that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().unwrap().received.clone()
    }

    /// All events in what was answered 2xx, in the order in which they came. What came again under the same id counts once,
    /// as receivers are told to do.
    pub fn events(&self) -> Vec<Value> {
        let received = self.received();
        let mut seen = BTreeSet::new();
        let taken = received
            .iter()
            .filter(|request| (200..300).contains(&request.answered))
            .filter(|request| seen.insert(request.header("webhook-id").to_owned()));
        taken.flat_map(Received::events).collect()
    }

    /// Those of this kind.
    pub fn events_of(&self, name: &str) -> Vec<Value> {
        let mut events = self.events();
        events.retain(|event| event["name"] == name);
        events
    }

    /// The first event of this kind that fits, as soon as it is there.
    pub async fn event(&self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("a {name} event"), || async {
            self.events_of(name).into_iter().find(|event| fits(event))
        })
        .await
    }

    /// Waits until so many requests came.
    pub async fn requests(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests"), || async {
            Some(self.received()).filter(|received| received.len() >= count)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Received {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a webhook is JSON")
    }

    /// The events in it.
    pub fn events(&self) -> Vec<Value> {
        self.json()["events"]
            .as_array()
            .expect("a list of events")
            .clone()
    }

    /// Whether it is signed the way of Standard Webhooks with this secret: as their documents say receivers check.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let bytes = STANDARD
            .decode(secret.trim_start_matches("whsec_"))
            .expect("a secret is base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = [id.as_bytes(), b".", at.as_bytes(), b".", &self.body].concat();
        self.header("webhook-signature")
            .split(' ')
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .any(|signature| hmac::verify(&key, &signed, &signature).is_ok())
    }

    /// Whether it is signed the way of Pusher with this secret.
    pub fn is_signed_for_pusher(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = hex::decode(self.header("x-pusher-signature")).unwrap_or_default();
        hmac::verify(&key, &self.body, &signature).is_ok()
    }
}

async fn converse(stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let method = line.split(' ').next().unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let (answered, said) = {
            let mut shared = shared.lock().unwrap();
            let otherwise = shared.otherwise;
            let answered = shared.answers.pop_front().unwrap_or(otherwise);
            let got = Received {
                method,
                headers,
                body,
                answered,
            };
            let said = shared
                .words
                .filter(|_| answered == 200)
                .map(|words| words(&got.json()));
            shared.received.push(got);
            (answered, said.unwrap_or_else(|| "ok".to_owned()))
        };
        let location = if (300..400).contains(&answered) {
            "location: /elsewhere\r\n"
        } else {
            ""
        };
        // RFC 9110 §8.6: a 204 has no content, and says nothing of its length.
        let content = if answered == 204 {
            "\r\n".to_owned()
        } else {
            format!("content-length: {}\r\n\r\n{said}", said.len())
        };
        let answer = format!("HTTP/1.1 {answered} Whatever\r\n{location}{content}");
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}
