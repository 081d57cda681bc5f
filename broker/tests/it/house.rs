//! The house the broker stands in, for tests: admission, journal and registry that answer as they are told and remember
//! what they heard. And clients.

pub(crate) mod pusher;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use broker::{
    Broker, ChannelOptions, Close, Post, SessionOptions, Settings,
    host::{
        Admission, Counting, Direction, Draft, Happening, History, HistoryFault, Identity, Journal,
        JournalFault, Known, OnCommit, Opcode, Passage, Past, Payload, Position, Reach, Record, Refusal,
        Registry, Remembered, Signing, Source, Standing, Start, Stretch, Traffic,
    },
};
use futures_util::{SinkExt, StreamExt, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use uuid::Uuid;

pub(crate) const TENANT: Uuid = Uuid::from_u128(0x7e);
pub(crate) const ENDPOINT: Uuid = Uuid::from_u128(0xe0);
pub(crate) const PURPOSE: Uuid = Uuid::from_u128(0x90);
/// What the endpoint's clients sign with.
pub(crate) const KEY: &str = "278d425bdf160c739803";
pub(crate) const SECRET: &str = "7ad3773142a6692b25b8";

/// What the fakes say and what they heard. Locks are held for a line each.
pub(crate) struct House {
    pub(crate) record: parking_lot::Mutex<Record>,
    pub(crate) purpose: parking_lot::Mutex<Option<Uuid>>,
    pub(crate) refusal: parking_lot::Mutex<Option<Refusal>>,
    pub(crate) may_stay: parking_lot::Mutex<Result<(), Refusal>>,
    /// (subject, purpose) that is withdrawn.
    pub(crate) withdrawn: Arc<Withdrawn>,
    pub(crate) fault: parking_lot::Mutex<Option<JournalFault>>,
    pub(crate) drafts: parking_lot::Mutex<Vec<(Direction, Vec<u8>)>>,
    pub(crate) closed: parking_lot::Mutex<Vec<(Uuid, Close, Traffic)>>,
    pub(crate) active: parking_lot::Mutex<Vec<(Uuid, Traffic)>>,
    /// What was recorded, by channel, for the history to read.
    pub(crate) past: Arc<Recorded>,
    /// The history cannot be read.
    pub(crate) is_forgetful: AtomicBool,
    /// Readers of the history wait here, before or after they looked.
    pub(crate) reading: parking_lot::Mutex<Option<(When, Arc<Semaphore>)>>,
    /// Until when everything that is said may be read.
    pub(crate) expires_at: parking_lot::Mutex<Option<i64>>,
    /// What is kept in memory may not be read any more.
    pub(crate) is_expired: AtomicBool,
    /// Whoever is named by a signature is refused so.
    pub(crate) unknown: parking_lot::Mutex<Option<Refusal>>,
    /// Whoever subscribes is refused so.
    pub(crate) unwelcome: parking_lot::Mutex<Option<Refusal>>,
    pub(crate) identified: parking_lot::Mutex<Vec<Uuid>>,
    pub(crate) happened: parking_lot::Mutex<Vec<(Arc<str>, Happening)>>,
    /// Admission panics at this payload.
    pub(crate) poison: &'static [u8],
    commits: mpsc::UnboundedSender<Commit>,
    sessions: AtomicU64,
}

pub(crate) type Recorded = parking_lot::Mutex<BTreeMap<Arc<str>, Stretch>>;

/// When a reader of the history waits.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    BeforeItLooked,
    AfterItLooked,
}

pub(crate) type Withdrawn = parking_lot::Mutex<HashSet<(Option<Uuid>, Option<Uuid>)>>;

/// How one of the house's people stands.
struct Stands {
    subject: Uuid,
    withdrawn: Arc<Withdrawn>,
}

impl Standing for Stands {
    fn may_get(&self, reach: Reach) -> bool {
        let consent = match reach {
            Reach::Nobody => return false,
            Reach::Everybody => None,
            Reach::Consenting(purpose) | Reach::Unobjected(purpose) | Reach::Unrefused(purpose) => {
                Some(purpose)
            }
        };
        !self.withdrawn.lock().contains(&(Some(self.subject), consent))
    }
}

struct Commit {
    channel: Arc<str>,
    passage: Passage,
    committed: OnCommit,
    done: oneshot::Sender<Position>,
}

impl House {
    pub(crate) fn new() -> Arc<Self> {
        let (commits, mut queue) = mpsc::unbounded_channel::<Commit>();
        let past: Arc<Recorded> = Arc::default();
        let store = Arc::clone(&past);
        // One task commits everything in the order it arrived, a little later, as the real one does.
        tokio::spawn(async move {
            while let Some(commit) = queue.recv().await {
                tokio::task::yield_now().await;
                let position = remember(&store, commit.channel, &commit.passage);
                (commit.committed)(&position, commit.passage);
                let _ = commit.done.send(position);
            }
        });
        Arc::new(Self {
            record: parking_lot::Mutex::new(Record::Never),
            purpose: parking_lot::Mutex::new(None),
            refusal: parking_lot::Mutex::new(None),
            may_stay: parking_lot::Mutex::new(Ok(())),
            withdrawn: Arc::default(),
            fault: parking_lot::Mutex::new(None),
            drafts: parking_lot::Mutex::default(),
            closed: parking_lot::Mutex::default(),
            active: parking_lot::Mutex::default(),
            past,
            is_forgetful: AtomicBool::default(),
            reading: parking_lot::Mutex::default(),
            expires_at: parking_lot::Mutex::default(),
            is_expired: AtomicBool::default(),
            unknown: parking_lot::Mutex::default(),
            unwelcome: parking_lot::Mutex::default(),
            identified: parking_lot::Mutex::default(),
            happened: parking_lot::Mutex::default(),
            poison: b"poison",
            commits,
            sessions: AtomicU64::new(1),
        })
    }

    pub(crate) fn broker(self: &Arc<Self>, settings: Settings) -> Broker {
        Broker::new(
            settings,
            Arc::clone(self) as _,
            Arc::clone(self) as _,
            Arc::clone(self) as _,
            Arc::clone(self) as _,
        )
    }

    pub(crate) fn recording(self: &Arc<Self>, record: Record) -> &Arc<Self> {
        *self.record.lock() = record;
        self
    }

    /// Somebody new on the endpoint.
    pub(crate) fn somebody(&self) -> Arc<Identity> {
        self.somebody_on(ENDPOINT)
    }

    /// Somebody new.
    pub(crate) fn somebody_on(&self, endpoint: Uuid) -> Arc<Identity> {
        let n = u128::from(self.sessions.fetch_add(1, Ordering::Relaxed));
        Arc::new(Identity::new(
            Uuid::from_u128(0x5e55 << 64 | n),
            TENANT,
            endpoint,
            Some(self.known(Uuid::from_u128(0x5b << 64 | n))),
        ))
    }

    /// Somebody new whom no token named.
    pub(crate) fn nobody(&self) -> Arc<Identity> {
        let n = u128::from(self.sessions.fetch_add(1, Ordering::Relaxed));
        let session = Uuid::from_u128(0x5e55 << 64 | n);
        Arc::new(Identity::new(session, TENANT, ENDPOINT, None))
    }

    /// The person whom the tenant calls so.
    pub(crate) fn subject_of(user: &str) -> Uuid {
        let mut bytes = [0x0d; 16];
        for (byte, of_user) in bytes.iter_mut().zip(user.bytes()) {
            *byte = of_user;
        }
        Uuid::from_bytes(bytes)
    }

    /// What was told of a channel.
    pub(crate) fn happenings(&self, channel: &str) -> Vec<Happening> {
        let happened = self.happened.lock();
        let of_channel = happened.iter().filter(|(name, _)| **name == *channel);
        of_channel.map(|(_, what)| what.clone()).collect()
    }

    /// Changes what was recorded on a channel.
    pub(crate) fn rewrite(&self, channel: &str, change: impl FnOnce(&mut Stretch)) {
        change(self.past.lock().get_mut(channel).expect("something was recorded"));
    }

    /// One of the house's people.
    pub(crate) fn known(&self, subject: Uuid) -> Known {
        Known {
            subject,
            standing: Arc::new(Stands {
                subject,
                withdrawn: Arc::clone(&self.withdrawn),
            }),
        }
    }

    /// The one record of a session's end.
    pub(crate) fn end_of(&self, session: Uuid) -> (Close, Traffic) {
        let closed = self.closed.lock();
        let mut ends = closed.iter().filter(|(id, ..)| *id == session);
        let (_, why, traffic) = ends.next().expect("the end was told").clone();
        assert!(ends.next().is_none(), "the end was told twice");
        (why, traffic)
    }
}

impl Admission for House {
    fn admit(
        &self,
        _source: &Source,
        _channel: &str,
        _direction: Direction,
        payload: Payload,
    ) -> Result<Passage, Refusal> {
        assert_ne!(payload.bytes, self.poison, "poisoned");
        match *self.refusal.lock() {
            Some(refusal) => Err(refusal),
            None => Ok(Passage {
                payload,
                record: *self.record.lock(),
                purpose: *self.purpose.lock(),
                class: 1,
                kept: true,
                at: 0,
                expires_at: *self.expires_at.lock(),
            }),
        }
    }

    fn reach(&self, _endpoint: Uuid, purpose: Option<Uuid>) -> Reach {
        purpose.map_or(Reach::Everybody, Reach::Consenting)
    }

    fn counting(&self, _endpoint: Uuid) -> Counting {
        match *self.record.lock() {
            Record::Before => Counting::Journal,
            Record::After => Counting::Nowhere,
            Record::Never => Counting::Memory,
        }
    }

    fn may_stay(&self, _who: &Identity) -> Result<(), Refusal> {
        *self.may_stay.lock()
    }

    fn may_join(&self, who: &Identity, _channel: &str) -> Result<(), Refusal> {
        self.unwelcome.lock().map_or_else(|| self.may_stay(who), Err)
    }

    fn is_readable(&self, _endpoint: Uuid, _channel: &str, _class: i64, _at: i64) -> bool {
        !self.is_expired.load(Ordering::Relaxed)
    }

    fn signing(&self, endpoint: Uuid) -> Option<Arc<Signing>> {
        (endpoint == ENDPOINT).then(|| {
            Arc::new(Signing {
                key: KEY.into(),
                secrets: vec![pusher::secret()],
            })
        })
    }

    fn identify(
        &self,
        _tenant: Uuid,
        _endpoint: Uuid,
        user: &str,
    ) -> BoxFuture<'static, Result<Known, Refusal>> {
        let found = match *self.unknown.lock() {
            Some(refusal) => Err(refusal),
            None => Ok(self.known(Self::subject_of(user))),
        };
        Box::pin(async move {
            tokio::task::yield_now().await;
            found
        })
    }
}

/// Commits one message.
fn remember(past: &Recorded, channel: Arc<str>, passage: &Passage) -> Position {
    let mut past = past.lock();
    let channel = past.entry(channel).or_insert_with(|| Stretch {
        epoch: "e1".into(),
        top: 0,
        messages: Vec::new(),
    });
    channel.top += 1;
    let position = Position {
        id: passage.kept.then_some(channel.top + 1000),
        offset: channel.top,
        epoch: Arc::clone(&channel.epoch),
    };
    if passage.kept {
        channel.messages.push(Remembered {
            position: position.clone(),
            payload: passage.payload.clone(),
            purpose: passage.purpose,
            expires_at: passage.expires_at,
        });
    }
    position
}

/// What the history answers.
fn look(past: &Recorded, asked: &Past) -> Option<Stretch> {
    let mut stretch = past.lock().get(&asked.channel)?.clone();
    match asked.start {
        Start::After(offset) => {
            stretch
                .messages
                .retain(|message| message.position.offset > offset);
            stretch.messages.truncate(asked.limit);
        }
        Start::Newest => {
            let surplus = stretch.messages.len().saturating_sub(asked.limit);
            stretch.messages.drain(..surplus);
        }
    }
    Some(stretch)
}

impl Journal for House {
    fn record(&self, draft: Draft, committed: OnCommit) -> BoxFuture<'_, Result<Position, JournalFault>> {
        Box::pin(async move {
            if let Some(fault) = *self.fault.lock() {
                return Err(fault);
            }
            self.drafts
                .lock()
                .push((draft.direction, draft.passage.payload.bytes.to_vec()));
            let (done, position) = oneshot::channel();
            let commit = Commit {
                channel: draft.channel,
                passage: draft.passage,
                committed,
                done,
            };
            self.commits.send(commit).map_err(|_| JournalFault::Stopping)?;
            position.await.map_err(|_| JournalFault::Stopping)
        })
    }
}

impl History for House {
    fn read(&self, asked: Past) -> BoxFuture<'static, Result<Option<Stretch>, HistoryFault>> {
        let is_forgetful = self.is_forgetful.load(Ordering::Relaxed);
        let past = Arc::clone(&self.past);
        let reading = self.reading.lock().clone();
        Box::pin(async move {
            let mut seen = None;
            if let Some((when, turn)) = reading {
                if when == When::AfterItLooked {
                    seen = Some(look(&past, &asked));
                }
                turn.acquire().await.expect("the test goes on").forget();
            }
            if is_forgetful {
                return Err(HistoryFault);
            }
            tokio::task::yield_now().await;
            Ok(seen.unwrap_or_else(|| look(&past, &asked)))
        })
    }
}

impl Registry for House {
    fn active(&self, who: &Identity, traffic: Traffic) {
        self.active.lock().push((who.session, traffic));
    }

    fn closed(&self, who: &Identity, why: &Close, traffic: Traffic) {
        self.closed.lock().push((who.session, why.clone(), traffic));
    }

    fn identified(&self, who: &Identity) {
        self.identified.lock().push(who.session);
    }

    fn happened(&self, _tenant: Uuid, _endpoint: Uuid, channel: &Arc<str>, what: Happening) {
        self.happened.lock().push((Arc::clone(channel), what));
    }
}

pub(crate) fn options() -> ChannelOptions {
    ChannelOptions {
        channel: "main".into(),
        session: SessionOptions::default(),
    }
}

pub(crate) fn text(words: &str) -> Payload {
    Payload::new(Opcode::Text, words.to_owned().into())
}

/// A message of the tenant's, to everybody on the channel.
pub(crate) fn post(source: Source, channel: &Arc<str>, payload: Payload) -> Post {
    Post {
        source,
        channel: Arc::clone(channel),
        direction: Direction::Outbound,
        payload,
        except: None,
    }
}

pub(crate) fn tenant() -> Source {
    Source::Tenant {
        tenant: TENANT,
        endpoint: ENDPOINT,
        subject: None,
        purpose: None,
    }
}

/// An end-user, and the task that serves it.
pub(crate) struct Client<IO = DuplexStream> {
    pub(crate) socket: WebSocketStream<IO>,
    pub(crate) who: Arc<Identity>,
    pub(crate) served: JoinHandle<Close>,
}

/// Connects somebody through a pipe that holds `buffer` bytes each way.
pub(crate) async fn connect_with(
    broker: &Broker,
    who: Arc<Identity>,
    options: ChannelOptions,
    buffer: usize,
) -> Client {
    let (near, far) = duplex(buffer);
    let before = broker.count_endpoint(who.endpoint);
    let served = tokio::spawn({
        let (broker, who) = (broker.clone(), Arc::clone(&who));
        async move { broker.serve_channel(far, who, options).await }
    });
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let client = Client { socket, who, served };
    eventually(|| broker.count_endpoint(client.who.endpoint) > before || client.served.is_finished()).await;
    client
}

pub(crate) async fn connect(house: &House, broker: &Broker) -> Client {
    connect_with(broker, house.somebody(), options(), 64 << 10).await
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Client<IO> {
    pub(crate) async fn say(&mut self, words: &str) {
        self.socket
            .send(Message::text(words.to_owned()))
            .await
            .expect("the socket takes it");
    }

    /// The next message, as text.
    pub(crate) async fn hear(&mut self) -> String {
        match self.next().await {
            Message::Text(words) => words.to_string(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match soon(self.socket.next())
                .await
                .expect("the socket is open")
                .expect("the socket is sound")
            {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// Nothing comes for a moment.
    pub(crate) async fn silence(&mut self) {
        let heard = timeout(Duration::from_millis(30), self.next()).await;
        assert!(heard.is_err(), "expected nothing, got {heard:?}");
    }

    /// Reads to the end: how many messages came, and the code of the close frame (0 where there was none).
    pub(crate) async fn drain(&mut self) -> (usize, u16) {
        let (mut count, mut code) = (0, 0);
        while let Some(Ok(message)) = soon(self.socket.next()).await {
            match message {
                Message::Text(_) | Message::Binary(_) => count += 1,
                Message::Close(frame) => code = frame.map_or(1005, |frame| frame.code.into()),
                _ => {}
            }
        }
        (count, code)
    }

    /// Reads the close frame and waits for the end of the session.
    pub(crate) async fn closed(&mut self) -> u16 {
        let (_, code) = self.drain().await;
        soon(&mut self.served).await.expect("the session ends by itself");
        code
    }
}

/// Nothing in these tests takes long.
pub(crate) async fn soon<F: IntoFuture>(future: F) -> F::Output {
    timeout(Duration::from_secs(30), future).await.expect("in time")
}

pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
