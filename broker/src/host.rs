//! What the broker asks of the house it stands in: who may pass ([`Admission`]), record this ([`Journal`]),
//! somebody came or went ([`Registry`]). The `api` crate answers by calling `domain`; tests answer as they like.
//! Nothing here knows a table, a rule or a route.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::close::Close;

/// Which way a message goes on an end-user's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the end-user (or, over REST, from the tenant on behalf of one).
    Inbound,
    /// To the end-user, from the tenant's back end.
    Outbound,
}

/// Text or binary, as the WebSocket frame said (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// UTF-8 text.
    Text,
    /// Bytes of any kind.
    Binary,
}

/// What a message is called, where its sender named it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The event's name, at most 200 characters.
    pub event: Box<str>,
    /// Who sent it, on a presence channel: the member's id in the tenant's own words.
    pub user: Option<Box<str>>,
}

/// One payload, shared by everybody who gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// What kind of frame it travels in.
    pub opcode: Opcode,
    /// The bytes. For [`Opcode::Text`] they are valid UTF-8.
    pub bytes: Bytes,
    /// The name it was given. Plain sockets get the bytes without it.
    pub label: Option<Arc<Label>>,
}

impl Payload {
    /// Bytes without a name. For [`Opcode::Text`] they must be valid UTF-8.
    pub fn new(opcode: Opcode, bytes: Bytes) -> Self {
        Self {
            opcode,
            bytes,
            label: None,
        }
    }

    /// A named text.
    pub fn named(label: Arc<Label>, text: impl Into<String>) -> Self {
        Self {
            opcode: Opcode::Text,
            bytes: Bytes::from(text.into()),
            label: Some(label),
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({:?}, {} bytes)", self.opcode, self.bytes.len())
    }
}

/// Who is on the other end of a session. The person is known from the start, is found out later (a sign-in on the open
/// socket), or stays unknown; once known it never changes.
#[derive(Debug)]
pub struct Identity {
    /// This connection.
    pub session: Uuid,
    /// The tenant whose endpoint it is.
    pub tenant: Uuid,
    /// The endpoint.
    pub endpoint: Uuid,
    person: OnceLock<Known>,
}

impl Identity {
    /// A session's identity; `person` is whom the tenant's token named, where it named one.
    pub fn new(session: Uuid, tenant: Uuid, endpoint: Uuid, person: Option<Known>) -> Self {
        Self {
            session,
            tenant,
            endpoint,
            person: person.map(OnceLock::from).unwrap_or_default(),
        }
    }

    /// The person, once known.
    pub fn subject(&self) -> Option<Uuid> {
        self.person.get().map(|person| person.subject)
    }

    /// Learns who it is. Answers whether that agrees with what was known before.
    pub(crate) fn identify(&self, person: Known) -> bool {
        let subject = person.subject;
        self.person.get_or_init(|| person).subject == subject
    }

    /// Whether a message that reaches so far may be delivered to it now.
    pub(crate) fn may_get(&self, reach: Reach) -> bool {
        match self.person.get() {
            Some(person) => person.standing.may_get(reach),
            // Nobody is known to have said yes, and nobody no.
            None => matches!(
                reach,
                Reach::Everybody | Reach::Unobjected(_) | Reach::Unrefused(_)
            ),
        }
    }
}

/// How a person stands, as far as a message's way to them goes. Asked for every message and recipient, so it answers from
/// memory.
pub trait Standing: Send + Sync + 'static {
    /// Whether they may get a message that reaches so far now.
    fn may_get(&self, reach: Reach) -> bool;
}

/// Who may get a message, as far as that hangs on the message alone; each person's own [`Standing`] is asked besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The endpoint is gone, or its rules are not known here.
    Nobody,
    /// Whoever is there.
    Everybody,
    /// Those who consented to this purpose.
    Consenting(Uuid),
    /// Whoever is there and did not object to this purpose.
    Unobjected(Uuid),
    /// Whoever is there and said no to this purpose in no way: they are not asked first, and a no is a no.
    Unrefused(Uuid),
}

/// Where the positions of an endpoint's messages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// The journal counts, before it delivers: positions survive restarts.
    Journal,
    /// Nothing is ever recorded, so the broker counts in memory.
    Memory,
    /// Delivered before it is recorded: no position is known in time.
    Nowhere,
}

/// Where a message comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A session of an end-user.
    Session(Arc<Identity>),
    /// The tenant itself, over REST.
    Tenant {
        /// The tenant.
        tenant: Uuid,
        /// The endpoint it publishes on.
        endpoint: Uuid,
        /// The person the message is about, if the tenant says so.
        subject: Option<Uuid>,
        /// What it is processed for, if not for what the endpoint is.
        purpose: Option<Uuid>,
    },
}

impl Source {
    /// The tenant.
    pub fn tenant(&self) -> Uuid {
        match self {
            Self::Session(identity) => identity.tenant,
            Self::Tenant { tenant, .. } => *tenant,
        }
    }

    /// The endpoint.
    pub fn endpoint(&self) -> Uuid {
        match self {
            Self::Session(identity) => identity.endpoint,
            Self::Tenant { endpoint, .. } => *endpoint,
        }
    }

    /// What the message is processed for, where that differs from the endpoint.
    pub fn purpose(&self) -> Option<Uuid> {
        match self {
            Self::Session(_) => None,
            Self::Tenant { purpose, .. } => *purpose,
        }
    }

    /// The person the message is about.
    pub fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Session(identity) => identity.subject(),
            Self::Tenant { subject, .. } => *subject,
        }
    }
}

/// When a message is recorded, relative to its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Committed first, then delivered.
    Before,
    /// Delivered first, then committed.
    After,
    /// Delivered only. Also what a retention of `P0D` means.
    Never,
}

/// A message that admission let through: classified and minimised, ready to be recorded and delivered.
#[derive(Clone, Debug)]
pub struct Passage {
    /// What travels on: the minimised payload.
    pub payload: Payload,
    /// When it is recorded.
    pub record: Record,
    /// The purpose it is processed for; recipients need to be open for it.
    pub purpose: Option<Uuid>,
    /// The retention class that the journal files it under. Opaque to the broker.
    pub class: i64,
    /// Whether anything of it is stored. Where not, the journal only counts it, so that offsets show that it was there.
    pub kept: bool,
    /// When it was admitted, in milliseconds since 1970.
    pub at: i64,
    /// Until when it may be read, in milliseconds since 1970; `None` where no rule ends it.
    pub expires_at: Option<i64>,
}

/// Why something may not pass. The wire form is the close code or problem of `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The endpoint does not exist (any more).
    #[error("no such endpoint")]
    NoEndpoint,
    /// The endpoint is switched off.
    #[error("the endpoint is disabled")]
    Disabled,
    /// The purpose waits for a consent that is not there.
    #[error("consent is missing for the purpose of this endpoint")]
    ConsentMissing,
    /// The person restricted the processing (GDPR Art. 18).
    #[error("processing is restricted for this person")]
    Restricted,
    /// The person was erased, or is not known here.
    #[error("this person is gone")]
    Gone,
    /// This sender may not send here.
    #[error("not allowed to publish here")]
    NotAllowed,
    /// The payload is larger than the endpoint takes.
    #[error("the message is too large")]
    TooLarge,
    /// It is no JSON, and the endpoint takes nothing else.
    #[error("this endpoint takes JSON only")]
    Opaque,
    /// A quota of the tenant is used up.
    #[error("a quota of this tenant is used up")]
    OverQuota,
    /// It cannot be looked up now.
    #[error("it cannot be looked up now; try again later")]
    Unavailable,
}

/// The gate. Every answer comes from memory, so none of these is async.
pub trait Admission: Send + Sync + 'static {
    /// Decides, classifies and minimises one message.
    ///
    /// # Errors
    /// A [`Refusal`] when it may not pass; then nothing was recorded and nothing is delivered.
    fn admit(
        &self,
        source: &Source,
        channel: &str,
        direction: Direction,
        payload: Payload,
    ) -> Result<Passage, Refusal>;

    /// Who may get a message of this purpose on this endpoint now.
    fn reach(&self, endpoint: Uuid, purpose: Option<Uuid>) -> Reach;

    /// Where positions of this endpoint's messages come from.
    fn counting(&self, endpoint: Uuid) -> Counting;

    /// Whether a session that was just registered may stay. It was authenticated a moment before that, and a withdrawal in
    /// between found nobody to close.
    ///
    /// # Errors
    /// The [`Refusal`] to close it with.
    fn may_stay(&self, who: &Identity) -> Result<(), Refusal> {
        let _ = who;
        Ok(())
    }

    /// Whether a session may subscribe to a channel of its endpoint. Its signature, where it needs one, was good.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with; the session stays.
    fn may_join(&self, who: &Identity, channel: &str) -> Result<(), Refusal> {
        let _ = channel;
        self.may_stay(who)
    }

    /// Whether a message of this class, published on this channel at `at` (milliseconds since 1970), may still be read. The
    /// broker asks before it repeats a message that it kept in memory.
    fn is_readable(&self, endpoint: Uuid, channel: &str, class: i64, at: i64) -> bool;

    /// What an endpoint's clients sign with; `None` where there is no such endpoint.
    fn signing(&self, endpoint: Uuid) -> Option<Arc<Signing>>;

    /// Finds the person whom a signed statement named by the tenant's own id. Needs the store the first time.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with; the session stays unknown.
    fn identify(
        &self,
        tenant: Uuid,
        endpoint: Uuid,
        user: &str,
    ) -> BoxFuture<'static, Result<Known, Refusal>>;
}

/// A person that was found.
#[derive(Clone)]
pub struct Known {
    /// Who.
    pub subject: Uuid,
    /// How they stand. Holding it keeps the person in the gate's truth table.
    pub standing: Arc<dyn Standing>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Known").field(&self.subject).finish()
    }
}

/// The public key of an endpoint's clients, and the secrets that belong to it: the current one, and for a while after a
/// rotation the one before.
pub struct Signing {
    /// Public.
    pub key: Box<str>,
    /// Newest first. Never empty.
    pub secrets: Vec<ring::hmac::Key>,
}

/// Where a message stands: its id in the journal and its position in its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The message's id: time-ordered and never used twice. `None` where the message was only counted, by the journal or
    /// in memory.
    pub id: Option<i64>,
    /// Counts the channel's messages from 1 without gaps.
    pub offset: i64,
    /// Changes when offsets of before mean nothing any more.
    pub epoch: Arc<str>,
}

/// What the journal is handed.
#[derive(Debug)]
pub struct Draft {
    /// Where it comes from.
    pub source: Source,
    /// The channel it belongs to.
    pub channel: Arc<str>,
    /// Which way it went.
    pub direction: Direction,
    /// The classified message.
    pub passage: Passage,
}

/// The journal could not take a message. Nothing was acknowledged, nothing is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// The bounded queue in front of the journal is full; come back later.
    #[error("the journal is over capacity")]
    Full,
    /// The store did not take it.
    #[error("the journal could not commit")]
    Failed,
    /// The journal is stopping.
    #[error("the journal is stopping")]
    Stopping,
    /// Between admission and now it became something that may not be recorded, so it is not delivered either.
    #[error("the message may no longer be recorded")]
    Refused,
}

/// Called once, in commit order per channel, after the message is durable and before its publisher hears of it.
pub type OnCommit = Box<dyn FnOnce(&Position, Passage) + Send>;

/// Records messages, durably, in groups.
pub trait Journal: Send + Sync + 'static {
    /// Records one message. The future resolves after the commit and after `committed` ran.
    fn record(&self, draft: Draft, committed: OnCommit) -> BoxFuture<'_, Result<Position, JournalFault>>;
}

/// Which part of a channel's past is wanted.
#[derive(Clone, Debug)]
pub struct Past {
    /// The tenant.
    pub tenant: Uuid,
    /// The endpoint.
    pub endpoint: Uuid,
    /// The channel.
    pub channel: Arc<str>,
    /// From where to where.
    pub start: Start,
    /// At most so many messages.
    pub limit: usize,
}

/// Where a piece of the past begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// After this offset, oldest first.
    After(i64),
    /// The newest ones, answered oldest first all the same.
    Newest,
}

/// A message of the past that may still be read.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Where it stands.
    pub position: Position,
    /// What it says.
    pub payload: Payload,
    /// The purpose it was processed for.
    pub purpose: Option<Uuid>,
    /// Until when it may be read, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

/// A piece of a channel's past.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// The channel's epoch.
    pub epoch: Arc<str>,
    /// The newest offset given out, readable or not.
    pub top: i64,
    /// Ascending by offset. What has expired, was erased or never kept is not there, and its offset is missing.
    pub messages: Vec<Remembered>,
}

/// The past cannot be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the history cannot be read now")]
pub struct HistoryFault;

/// Reads what was recorded. Every rule of retention is applied at the moment of reading.
pub trait History: Send + Sync + 'static {
    /// A piece of a channel's past; `None` where nothing was ever recorded on it.
    fn read(&self, past: Past) -> BoxFuture<'static, Result<Option<Stretch>, HistoryFault>>;
}

/// Something that happened on a channel, of which the tenant may want to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The first subscriber came.
    Occupied,
    /// The last subscriber left.
    Vacated,
    /// A member came, with the first of their connections.
    MemberAdded {
        /// The member's id in the tenant's own words.
        user: Box<str>,
    },
    /// A member left, with the last of their connections.
    MemberRemoved {
        /// The member's id in the tenant's own words.
        user: Box<str>,
    },
    /// A client published an event.
    ClientEvent {
        /// Its name and, on a presence channel, the member's id.
        label: Arc<Label>,
        /// What it says, minimised.
        data: Bytes,
        /// The session it came from.
        session: Uuid,
        /// The person it is from, if known.
        subject: Option<Uuid>,
        /// What it is processed for.
        purpose: Option<Uuid>,
        /// Its retention class.
        class: i64,
    },
    /// Somebody subscribed to a cache channel that holds nothing.
    CacheMiss,
    /// The number of subscribers changed.
    SubscriptionCount(u64),
}

/// Totals of one session, for its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Payload bytes from the end-user.
    pub bytes_in: u64,
    /// Payload bytes to the end-user.
    pub bytes_out: u64,
    /// Messages from the end-user.
    pub messages_in: u64,
    /// Messages to the end-user.
    pub messages_out: u64,
}

/// Keeps the life cycle of sessions. Calls must not block; losing the store must not stop a socket.
pub trait Registry: Send + Sync + 'static {
    /// Traffic since the session opened; called at most once a few seconds and session, only when something moved.
    fn active(&self, who: &Identity, traffic: Traffic);
    /// The session ended. Called exactly once per session that was served.
    fn closed(&self, who: &Identity, why: &Close, traffic: Traffic);
    /// The session turned out to be this person's.
    fn identified(&self, who: &Identity);
    /// Something happened on a channel. Called under the channel's lock, and so in the order in which it happened there:
    /// take note and return; it must not call the broker.
    fn happened(&self, tenant: Uuid, endpoint: Uuid, channel: &Arc<str>, what: Happening);
    /// Another node is gone that may have told of this beginning: that a channel is occupied, or that this user is a member. It
    /// goes on here, and from here its end is told.
    fn kept(&self, tenant: Uuid, endpoint: Uuid, channel: &Arc<str>, user: Option<&str>) {
        let _ = (tenant, endpoint, channel, user);
    }
}

/// What seals things on their way between the nodes of an installation: the same on all of them.
pub trait Secret: Send + Sync + 'static {
    /// Seals; opens only at the same `place`.
    fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8>;
    /// Opens what was sealed for this place. `None` where it was not, or not with this secret.
    fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>>;
    /// A name that is always the same and says nothing to whoever has not the secret.
    fn blind(&self, what: &str) -> [u8; 16];
}

/// Somebody, by tenant and person.
pub type Person = (Uuid, Uuid);

/// What several nodes of one installation have to know of each other's changes. Answered from the store, which all share.
pub trait House: Send + Sync + 'static {
    /// What seals a tenant's messages between nodes; `None` where the tenant's key is gone or cannot be read now.
    fn secret(&self, tenant: Uuid) -> BoxFuture<'_, Option<Arc<dyn Secret>>>;

    /// Seals what nodes tell each other; opens only at the same `place`.
    fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8>;

    /// Opens what a node sealed for this place. `None` where none did.
    fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>>;

    /// Another node changed something: memory follows. Answers the persons for whom that may mean less than before; `None`
    /// when it could not be read, and memory may be wrong.
    fn heed(&self, change: Bytes) -> BoxFuture<'_, Option<Vec<Person>>>;

    /// Changes of others may have been missed: everything in memory that decides about messages is compared with the
    /// store. Answers as [`House::heed`] does.
    fn revalidate(&self) -> BoxFuture<'_, Option<Vec<Person>>>;
}
