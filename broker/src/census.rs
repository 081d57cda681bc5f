//! What may be asked about who is here: one channel, the channels of an endpoint, the sessions of each tenant.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use uuid::Uuid;

/// A channel, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Sessions that are subscribed.
    pub subscriptions: u64,
    /// On a presence channel: the distinct members.
    pub users: Option<u64>,
    /// On a cache channel that holds one: the last event.
    pub cache: Option<Cached>,
}

/// The last event of a cache channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// What it says.
    pub data: Bytes,
    /// How long it is still repeated to those who come.
    pub left: Duration,
}

/// What one tenant has on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantCensus {
    /// The tenant.
    pub tenant: Uuid,
    /// Open sockets.
    pub sessions: u64,
    /// Subscriptions of theirs to channels.
    pub subscriptions: u64,
    /// Channels with at least one subscription.
    pub channels: u64,
}
