//! The pools of this node, by endpoint.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout};
use uuid::Uuid;

use super::{Inner, Pool, PoolStats};

/// How long a pool may take to say what it holds.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// All pools of the node that are not over, those among them that are only waiting for their last session.
#[derive(Default)]
pub(crate) struct Pools(Mutex<HashMap<Uuid, Vec<Weak<Inner>>>>);

/// A pool, held by whoever looks at it.
pub(crate) struct Held(Arc<Inner>);

impl Held {
    /// Says anew what the pool holds. Answers whether that was heard.
    pub(crate) async fn tell_leases(&self) -> bool {
        if self.0.closed.is_cancelled() && self.0.state.lock().total() == 0 {
            return true;
        }
        let (tell, told) = oneshot::channel();
        self.0.tell.lock().push(tell);
        self.0.wake.notify_one();
        matches!(timeout(TOLD_WITHIN, told).await, Ok(Ok(())))
    }
}

impl Pools {
    pub(crate) fn add(&self, pool: &Pool) {
        let mut pools = self.0.lock();
        pools.retain(|_, some| {
            some.retain(|pool| pool.strong_count() > 0);
            !some.is_empty()
        });
        let of = pools.entry(pool.inner.settings.endpoint).or_default();
        of.push(Arc::downgrade(&pool.inner));
    }

    /// What the node has of an endpoint's sockets; none where no pool was needed.
    pub(crate) fn stats(&self, endpoint: Uuid) -> Option<PoolStats> {
        let pools = self.0.lock();
        let of = pools.get(&endpoint)?.iter().filter_map(Weak::upgrade);
        of.map(|pool| pool.state.lock().stats()).reduce(PoolStats::and)
    }

    pub(crate) fn all(&self) -> Vec<Held> {
        let pools = self.0.lock();
        pools
            .values()
            .flatten()
            .filter_map(Weak::upgrade)
            .map(Held)
            .collect()
    }
}
