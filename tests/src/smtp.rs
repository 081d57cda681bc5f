//! An SMTP server that keeps what it gets (RFC 5321, the commands that a sending server needs).

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{mail::Mail, wait::eventually};

/// The server. It stops when dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    refusals: Arc<AtomicU16>,
    bounces: Bounces,
    task: JoinHandle<()>,
}

/// What is answered to which recipients, and how many more times.
type Bounces = Arc<Mutex<HashMap<String, (String, u16)>>>;

impl Sink {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let refusals = Arc::new(AtomicU16::new(0));
        let bounces = Bounces::default();
        let (kept, refuse, bounce) = (Arc::clone(&mails), Arc::clone(&refusals), Arc::clone(&bounces));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, refuse, bounce) = (Arc::clone(&kept), Arc::clone(&refuse), Arc::clone(&bounce));
                // A client that goes away in the middle is its own affair.
                tokio::spawn(async move { drop(converse(stream, &kept, &refuse, &bounce).await) });
            }
        });
        Self {
            address,
            mails,
            refusals,
            bounces,
            task,
        }
    }

    /// What `WEIR_SMTP_URL` should be.
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// Everything that came so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// Answers the next `count` mails with "try again later" (451).
    pub fn refuse(&self, count: u16) {
        self.refusals.store(count, Ordering::Relaxed);
    }

    /// Refuses a recipient the next `times` times, in these words: `550 5.1.1 nobody here`.
    pub fn bounce(&self, address: &str, words: &str, times: u16) {
        let mut bounces = self.bounces.lock().unwrap();
        bounces.insert(address.to_owned(), (words.to_owned(), times));
    }

    /// How many more times a recipient is refused.
    pub fn bounces_left(&self, address: &str) -> u16 {
        self.bounces
            .lock()
            .unwrap()
            .get(address)
            .map_or(0, |(_, left)| *left)
    }

    /// The newest mail to this address that fits.
    pub async fn mail(&self, to: &str, fits: impl Fn(&Mail) -> bool) -> Mail {
        eventually(&format!("a mail to {to}"), || async {
            let mails = self.mails.lock().unwrap();
            mails
                .iter()
                .rev()
                .find(|mail| mail.to.iter().any(|one| one == to) && fits(mail))
                .cloned()
        })
        .await
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The refusal of a recipient, if it is their turn.
fn bounced(bounces: &Mutex<HashMap<String, (String, u16)>>, address: &str) -> Option<String> {
    let mut bounces = bounces.lock().unwrap();
    let (words, left) = bounces.get_mut(address)?;
    *left = left.checked_sub(1)?;
    Some(format!("{words}\r\n"))
}

async fn converse(
    stream: TcpStream,
    kept: &Mutex<Vec<Mail>>,
    refusals: &AtomicU16,
    bounces: &Mutex<HashMap<String, (String, u16)>>,
) -> std::io::Result<()> {
    // Otherwise each answer waits for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut recipients = Vec::new();
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let word = line
            .split([' ', '\r'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let refusal;
        let answer: &str = match word.as_str() {
            "EHLO" | "HELO" => "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "MAIL" => {
                recipients.clear();
                "250 ok\r\n"
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                refusal = bounced(bounces, address);
                if let Some(words) = &refusal {
                    words.as_str()
                } else {
                    recipients.push(address.to_owned());
                    "250 ok\r\n"
                }
            }
            "DATA" => {
                stream.write_all(b"354 end with a dot\r\n").await?;
                let raw = data(&mut stream).await?;
                let refused =
                    refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                if refused.is_ok() {
                    "451 try again later\r\n"
                } else {
                    kept.lock().unwrap().push(Mail {
                        to: recipients.clone(),
                        ..Mail::parse(&raw)
                    });
                    "250 kept\r\n"
                }
            }
            "NOOP" | "RSET" => "250 ok\r\n",
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 not here\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The lines up to the dot, with doubled dots undone (RFC 5321 §4.5.2).
async fn data(stream: &mut (impl AsyncBufReadExt + AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(raw);
        }
        raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
