//! What may be asked about who is here: one channel, the channels of an endpoint, the sessions of each tenant.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use uuid::Uuid;

use crate::cluster::orders::FarChannel;

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

/// Channels of several nodes, put together.
#[derive(Default)]
pub(crate) struct Sum(BTreeMap<Arc<str>, (ChannelInfo, Option<Users>)>);

type Users = BTreeSet<Box<str>>;

impl Sum {
    pub(crate) fn add(&mut self, info: ChannelInfo, users: Option<Vec<Box<str>>>) {
        let users = users.map(|users| users.into_iter().collect());
        match self.0.entry(Arc::clone(&info.name)) {
            Entry::Vacant(place) => {
                place.insert((info, users));
            }
            Entry::Occupied(mut there) => {
                let (sum, all) = there.get_mut();
                sum.subscriptions += info.subscriptions;
                // The one that is repeated longest is the newest.
                let newer = |cache: &Cached| sum.cache.as_ref().is_none_or(|old| cache.left > old.left);
                if info.cache.as_ref().is_some_and(newer) {
                    sum.cache = info.cache;
                }
                if let Some(users) = users {
                    all.get_or_insert_default().extend(users);
                }
            }
        }
    }

    pub(crate) fn add_far(&mut self, far: FarChannel) {
        let info = ChannelInfo {
            name: (*far.name).into(),
            subscriptions: far.subscriptions,
            users: None,
            cache: far.cached(),
        };
        self.add(info, far.users);
    }

    /// Sorted by name.
    pub(crate) fn finish(self) -> Vec<ChannelInfo> {
        let all = self.0.into_values();
        all.map(|(info, users)| ChannelInfo {
            users: users.map(|users| users.len() as u64),
            ..info
        })
        .collect()
    }
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
