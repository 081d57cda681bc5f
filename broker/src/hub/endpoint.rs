//! One endpoint: its sessions, its channels, and who watches whom.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    channel::{Around, Channel, Member, Unjoined, Welcome},
    roster::Roster,
};
use crate::{
    gate::Gate,
    pusher::{names::ChannelName, watchlist::Watchlists},
};

/// Channels that are remembered though nobody is on them, for what was said last. Beyond it, what is said on another one is
/// not remembered.
const MAX_CHANNELS: usize = 100_000;

pub(crate) struct Endpoint {
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(super) members: Roster,
    channels: RwLock<HashMap<Arc<str>, Arc<Channel>>>,
    /// Boxed: plain endpoints have none.
    pub(super) watchlists: Mutex<Option<Box<Watchlists>>>,
}

/// Whether a channel of this name remembers what was said last.
pub(super) fn remembers(name: &str) -> bool {
    ChannelName::parse(name).is_ok_and(ChannelName::is_cache)
}

impl Endpoint {
    pub(super) fn new(id: Uuid, tenant: Uuid) -> Self {
        Self {
            id,
            tenant,
            members: Roster::default(),
            channels: RwLock::default(),
            watchlists: Mutex::default(),
        }
    }

    /// Subscribes a session. `None` where the channel takes no more members.
    pub(crate) fn subscribe(
        &self,
        name: &Arc<str>,
        gate: &Arc<Gate>,
        member: Option<&Member>,
        limit: u32,
        around: &Around<'_>,
    ) -> Option<Welcome> {
        loop {
            match self.channel_or_new(name).subscribe(gate, member, limit, around) {
                Ok(welcome) => return Some(welcome),
                Err(Unjoined::Full) => return None,
                Err(Unjoined::Gone) => {}
            }
        }
    }

    pub(crate) fn channel(&self, name: &str) -> Option<Arc<Channel>> {
        self.channels.read().get(name).cloned()
    }

    fn channel_or_new(&self, name: &Arc<str>) -> Arc<Channel> {
        if let Some(channel) = self.channel(name) {
            return channel;
        }
        let mut channels = self.channels.write();
        let channel = channels
            .entry(Arc::clone(name))
            .or_insert_with(|| Arc::new(Channel::new(name)));
        Arc::clone(channel)
    }

    /// The channel that a message goes to: one that is there, or one that remembers it.
    pub(super) fn channel_for(&self, name: &Arc<str>) -> Option<Arc<Channel>> {
        if let Some(channel) = self.channel(name) {
            return Some(channel);
        }
        (remembers(name) && self.channels.read().len() < MAX_CHANNELS).then(|| self.channel_or_new(name))
    }

    /// Every channel that is known, whoever is on it.
    pub(crate) fn channels(&self) -> Vec<Arc<Channel>> {
        self.channels.read().values().cloned().collect()
    }

    /// Forgets channels that are of no use any more.
    pub(super) fn sweep(&self, now: Instant) {
        let unused = self
            .channels
            .read()
            .values()
            .any(|channel| channel.subscribers() == 0);
        if unused {
            self.channels.write().retain(|_, channel| !channel.retire(now));
        }
    }

    /// Whether nothing hangs on it.
    pub(super) fn is_idle(&self) -> bool {
        self.members.len() == 0 && self.channels.read().is_empty()
    }
}
