//! A pool's way to what counts the sockets of its endpoint: the other nodes, or where there are none, this one.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    backplane::{Ask, Away, Grant, Holder, leases::Ledger},
    cluster::{
        Cluster,
        leases::{Demand, HELD, LASTS},
    },
};

/// What counts, on this node.
#[derive(Clone)]
pub(crate) enum Counts {
    /// This node alone.
    Here(Arc<Mutex<Ledger>>),
    /// All nodes.
    Nodes(Weak<Cluster>),
}

impl Counts {
    pub(crate) fn here() -> Self {
        let mut ledger = Ledger::default();
        ledger.attend("", true);
        Self::Here(Arc::new(Mutex::new(ledger)))
    }
}

/// Numbers the pools of this process.
static POOLS: AtomicU64 = AtomicU64::new(1);

/// One pool's leases.
pub(super) struct Leases {
    counts: Counts,
    endpoint: Uuid,
    pool: u64,
    number: AtomicU64,
    /// Until when the last answer is good.
    held_until: Mutex<Option<Instant>>,
}

impl Leases {
    pub(super) fn new(counts: Counts, endpoint: Uuid) -> Self {
        Self {
            counts,
            endpoint,
            pool: POOLS.fetch_add(1, Ordering::Relaxed),
            number: AtomicU64::new(1),
            held_until: Mutex::default(),
        }
    }

    /// Says what the pool has and needs. Not while another such question is open.
    pub(super) async fn settle(&self, demand: Demand) -> Result<Grant, Away> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let grant = match &self.counts {
            Counts::Here(ledger) => ledger.lock().settle(&self.ask(number, demand)),
            Counts::Nodes(cluster) => {
                let cluster = cluster.upgrade().ok_or(Away)?;
                cluster.settle(self.endpoint, self.pool, number, demand).await?
            }
        };
        *self.held_until.lock() = Some(began + HELD);
        Ok(grant)
    }

    fn ask(&self, number: u64, demand: Demand) -> Ask {
        Ask {
            pool: self.endpoint.simple().to_string().into(),
            house: "".into(),
            holder: Holder {
                node: "".into(),
                process: "".into(),
                pool: self.pool,
            },
            number,
            max: demand.max,
            holds: demand.holds,
            needs: demand.needs,
            wants: demand.wants,
            lasts: LASTS,
            living: Vec::new(),
        }
    }

    /// Whether it makes sense to ask now.
    pub(super) fn is_reached(&self) -> bool {
        match &self.counts {
            Counts::Here(_) => true,
            Counts::Nodes(cluster) => cluster.upgrade().is_some_and(|cluster| cluster.is_reached()),
        }
    }

    /// Until when what the pool holds may be relied on; `None` where it is for ever.
    pub(super) fn good_until(&self) -> Option<Instant> {
        let Counts::Nodes(cluster) = &self.counts else {
            return None;
        };
        let vouched = cluster.upgrade().and_then(|cluster| cluster.vouched_until());
        // Nothing was ever held: nothing can run out.
        let held = (*self.held_until.lock())?;
        Some(vouched.map_or(held, |vouched| vouched.max(held)))
    }

    /// How often leases that are held are renewed.
    pub(super) const RENEW_EVERY: Duration = Duration::from_secs(4);
}
