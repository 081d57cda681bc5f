//! What one session is to do and how much it may do: what its endpoint, its token and its door say.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::Instant;

/// What happens to a session that does not read as fast as messages come, when its queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// It is closed with 4102. It knows that it missed something.
    #[default]
    Disconnect,
    /// The oldest messages that wait make room. For values that are soon out of date.
    DropOldest,
    /// Of messages with the same channel and event only the newest waits; if that is not enough, the oldest make room.
    Conflate,
}

/// What every kind of session has.
pub struct SessionOptions {
    /// The largest message the end-user may send, in bytes. A larger one closes it with 1009.
    pub max_message: usize,
    /// When its token expires; it is closed with 4203 then.
    pub expires_at: Option<Instant>,
    /// Where it comes from, for [`crate::Broker::count_address`].
    pub address: Option<IpAddr>,
    /// Messages that it may send in a second, and at once; 0 is without limit.
    pub messages_per_second: u32,
    /// Payload bytes that it may send in a second, and at once; 0 is without limit. One message of
    /// [`SessionOptions::max_message`] may always pass.
    pub bytes_per_second: u32,
    /// What happens when it reads too slowly.
    pub slow: Slow,
    /// Whether the endpoint limits how many sockets a person or an address has, so that other nodes are told of this one.
    pub enrolled: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            max_message: 64 << 10,
            expires_at: None,
            address: None,
            messages_per_second: 0,
            bytes_per_second: 0,
            slow: Slow::Disconnect,
            enrolled: false,
        }
    }
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address does not belong in a log.
        f.debug_struct("SessionOptions")
            .field("max_message", &self.max_message)
            .field("slow", &self.slow)
            .finish_non_exhaustive()
    }
}

/// What a plain socket on a channel is to do.
#[derive(Debug)]
pub struct ChannelOptions {
    /// The channel, by the name that admission and journal know it under.
    pub channel: Arc<str>,
    /// What every session has.
    pub session: SessionOptions,
}

/// What a relayed socket is to do.
#[derive(Debug)]
pub struct RelayOptions {
    /// The channel that its messages are admitted and recorded under.
    pub channel: Arc<str>,
    /// What every session has.
    pub session: SessionOptions,
}

/// What a socket that speaks the Pusher protocol may do.
#[derive(Debug)]
pub struct PusherOptions {
    /// What every session has.
    pub session: SessionOptions,
    /// Whether clients may publish.
    pub client_events: bool,
    /// Events that it may publish in a second; 0 is without limit.
    pub client_events_per_second: u32,
    /// Distinct members that a presence channel may have; 0 is without limit.
    pub presence_members: u32,
    /// Channels that it may be subscribed to; 0 is without limit.
    pub channels: u32,
    /// Whether subscribers hear how many they are.
    pub subscription_counts: bool,
    /// Until when it must have signed in, or subscribed to a channel that needs a signature; it is closed with 4009 otherwise.
    pub authenticate_within: Option<Duration>,
}

impl Default for PusherOptions {
    fn default() -> Self {
        Self {
            session: SessionOptions::default(),
            client_events: true,
            client_events_per_second: 10,
            presence_members: 100,
            channels: 100,
            subscription_counts: false,
            authenticate_within: None,
        }
    }
}
