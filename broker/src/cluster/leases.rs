//! A node's leases of sockets to back ends, as the other nodes count them.
//!
//! What a pool holds counts for it as long as it is heard of at Redis or known to the store ([`HELD`], [`VOUCHED`]); others wait
//! longer before they forget it. So a node that reaches one of the two keeps its sockets, and one that reaches neither lets go
//! of them before anybody else may take its place.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Cluster;
use crate::backplane::{Ask, Away, Grant, Holder};

/// How long a holder counts at Redis without being heard of.
pub(crate) const LASTS: Duration = Duration::from_secs(15);
/// How long a holder relies on an answer, from the moment it asked.
pub(crate) const HELD: Duration = Duration::from_secs(12);
/// How long a node relies on the store having known it. The store forgets a node after 24 s.
const VOUCHED: Duration = Duration::from_secs(18);
/// How often a node looks whether Redis still knows that it is there.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Until when the store's word is good.
#[derive(Default)]
pub(super) struct Vouched(Mutex<Option<Instant>>);

impl Vouched {
    pub(super) fn now(&self) {
        *self.0.lock() = Some(Instant::now() + VOUCHED);
    }
}

/// What a pool says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) max: usize,
    pub(crate) holds: usize,
    pub(crate) needs: usize,
    pub(crate) wants: usize,
}

impl Cluster {
    /// Asks for leases of an endpoint's back end.
    pub(crate) async fn settle(
        &self,
        endpoint: Uuid,
        pool: u64,
        number: u64,
        demand: Demand,
    ) -> Result<Grant, Away> {
        let ask = Ask {
            pool: format!("{}:{{house}}:pool:{}", self.prefix, endpoint.simple()).into(),
            house: self.attendance(),
            holder: Holder {
                node: self.name.clone(),
                process: format!("{:x}", self.me).into(),
                pool,
            },
            number,
            max: demand.max,
            holds: demand.holds,
            needs: demand.needs,
            wants: demand.wants,
            lasts: LASTS,
            living: self.peers.known_names(),
        };
        self.backplane.settle(ask).await
    }

    fn attendance(&self) -> Arc<str> {
        format!("{}:{{house}}:there", self.prefix).into()
    }

    /// Until when the store says that this node is there, as far as is known.
    pub(crate) fn vouched_until(&self) -> Option<Instant> {
        *self.vouched.0.lock()
    }

    /// Whether it makes sense to ask.
    pub(crate) fn is_reached(&self) -> bool {
        self.is_up()
    }
}

/// Keeps the node among those who are there: when Redis does not know it, as after it lost everything, each pool says anew
/// what it holds, and only then others may be given more.
pub(super) async fn attend(cluster: Arc<Cluster>) {
    loop {
        if cluster.is_up() && !cluster.deaf.load(Ordering::SeqCst) {
            let (house, me) = (cluster.attendance(), cluster.name.clone());
            let known = cluster
                .backplane
                .attend(Arc::clone(&house), me.clone(), false)
                .await;
            if known == Ok(false) {
                let Some(core) = cluster.core() else { return };
                let pools = core.pools.all();
                let mut told = true;
                for pool in pools {
                    told &= pool.tell_leases().await;
                }
                if told {
                    // Not answered, it is tried again.
                    let _ = cluster.backplane.attend(house, me, true).await;
                }
            }
            sleep(LOOK_EVERY).await;
        } else {
            sleep(LOOK_EVERY / 20).await;
        }
    }
}
