//! Where sessions wait for sockets: so many places on a node, whatever relay they wait for. A session that waits costs an open socket and
//! what its end-user already sent; many slow back ends at once must not add up to more than a node can hold.

use std::sync::Arc;

use metrics::Counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PoolError;

/// The places of a node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    refused: Counter,
}

/// One of them, until dropped.
pub(crate) struct Place {
    _taken: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(count: usize, refused: Counter) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            refused,
        }
    }

    /// A place, if one is free.
    pub(crate) fn take(&self) -> Result<Place, PoolError> {
        let taken = Arc::clone(&self.free).try_acquire_owned();
        taken
            .map(|taken| Place { _taken: taken })
            .map_err(|_| self.full())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Somebody is sent away because too many wait.
    pub(crate) fn full(&self) -> PoolError {
        self.refused.increment(1);
        PoolError::QueueFull
    }
}
