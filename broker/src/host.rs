//! What the broker asks of the house it stands in: who may pass ([`Admission`]), record this ([`Journal`]),
//! somebody came or went ([`Registry`]). The `api` crate answers by calling `domain`; tests answer as they like.
//! Nothing here knows a table, a rule or a route.

use std::{fmt, sync::Arc};

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

/// One payload, shared by everybody who gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// What kind of frame it travels in.
    pub opcode: Opcode,
    /// The bytes. For [`Opcode::Text`] they are valid UTF-8.
    pub bytes: Bytes,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({:?}, {} bytes)", self.opcode, self.bytes.len())
    }
}

/// Who is on the other end of a session: what authentication found out, fixed for the session's life.
#[derive(Clone, Debug)]
pub struct Identity {
    /// This connection.
    pub session: Uuid,
    /// The tenant whose endpoint it is.
    pub tenant: Uuid,
    /// The endpoint.
    pub endpoint: Uuid,
    /// The person, where the tenant's token named one.
    pub subject: Option<Uuid>,
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
            Self::Session(identity) => identity.subject,
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
    /// A quota of the tenant is used up.
    #[error("a quota of this tenant is used up")]
    OverQuota,
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

    /// Whether a message of this purpose may be delivered to this session now.
    fn may_deliver(&self, to: &Identity, purpose: Option<Uuid>) -> bool;

    /// Whether a session that was just registered may stay. It was authenticated a moment before that, and a withdrawal in
    /// between found nobody to close.
    ///
    /// # Errors
    /// The [`Refusal`] to close it with.
    fn may_stay(&self, who: &Identity) -> Result<(), Refusal> {
        let _ = who;
        Ok(())
    }
}

/// Where a recorded message stands: its id in the journal and its position in its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The message's id: time-ordered and never used twice.
    pub id: i64,
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
}
