//! The upstream pools of relay endpoints on this node: opened when first needed, replaced when the endpoint changes.

use std::{collections::HashMap, sync::Arc};

use broker::{
    Broker,
    egress::Egress,
    upstream::{Pool, PoolMode, PoolSettings},
};
use domain::{
    Ctx,
    error::{Error, Result},
};
use entity::{
    endpoint::{self, PoolState},
    id::EndpointId,
};
use parking_lot::Mutex;
use url::Url;

/// Pools by endpoint.
#[derive(Clone)]
pub struct Relays {
    egress: Egress,
    // Synchronous: opening a pool only starts its keeper, and nothing waits under the lock.
    pools: Arc<Mutex<HashMap<EndpointId, Open>>>,
}

struct Open {
    pool: Pool,
    generation: i32,
}

impl Relays {
    /// No pools yet. `egress` says which addresses may be reached.
    pub fn new(egress: Egress) -> Self {
        Self {
            egress,
            pools: Arc::default(),
        }
    }

    /// The guard of every address that a tenant may give.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Refuses an address that could never be reached from here.
    pub async fn check_address(&self, url: Option<&str>, field: &'static str) -> Result<()> {
        let Some(url) = url.and_then(|url| Url::parse(url).ok()) else {
            return Ok(());
        };
        let refuse = |fault: broker::egress::EgressFault| {
            Error::invalid(field, "address_not_allowed", fault.to_string())
        };
        self.egress.check_url(&url).map_err(refuse)?;
        self.egress.resolve(&url).await.map(drop).map_err(refuse)
    }

    /// The pool of a relay endpoint, opened now if it was not. None for an endpoint without an upstream.
    pub fn pool(&self, broker: &Broker, endpoint: &endpoint::Model) -> Option<Pool> {
        let settings = settings(endpoint)?;
        let mut pools = self.pools.lock();
        if let Some(open) = pools
            .get(&endpoint.id)
            .filter(|open| *open.pool.settings() == settings)
        {
            return Some(open.pool.clone());
        }
        let pool = broker.open_pool(settings, self.egress.clone());
        pool.set_mode(mode(endpoint));
        // Sessions of before keep their sockets; the warm ones are closed with the last clone.
        pools.insert(
            endpoint.id,
            Open {
                pool: pool.clone(),
                generation: endpoint.pool_generation,
            },
        );
        Some(pool)
    }

    /// Endpoints changed, here or on another node: pools do what they are told now, and those of endpoints that are switched
    /// off, deleted or lead elsewhere are closed.
    pub fn follow(&self, ctx: &Ctx) {
        let mut pools = self.pools.lock();
        pools.retain(|id, open| {
            let picture = ctx.pictures.get(*id);
            let there = picture.as_ref().and_then(|picture| picture.endpoint(*id));
            let Some(row) = there.map(|there| &there.row).filter(|row| row.enabled) else {
                open.pool.close();
                return false;
            };
            if settings(row).is_none_or(|settings| settings != *open.pool.settings()) {
                open.pool.close();
                return false;
            }
            open.pool.set_mode(mode(row));
            if open.generation != row.pool_generation {
                open.generation = row.pool_generation;
                open.pool.reconnect();
            }
            true
        });
    }

    /// The endpoint is gone.
    pub fn close(&self, endpoint: EndpointId) {
        if let Some(open) = self.pools.lock().remove(&endpoint) {
            open.pool.close();
        }
    }
}

/// What an endpoint's pool is to do.
fn settings(endpoint: &endpoint::Model) -> Option<PoolSettings> {
    let url = Url::parse(endpoint.upstream_url.as_deref()?).ok()?;
    Some(PoolSettings {
        tenant: endpoint.tenant_id.0,
        endpoint: endpoint.id.0,
        min: usize::try_from(endpoint.pool_min).unwrap_or_default(),
        max: usize::try_from(endpoint.pool_max).unwrap_or(1),
        subprotocol: endpoint.subprotocol.clone(),
        max_message: usize::try_from(endpoint.max_message_bytes).unwrap_or(65_536),
        seed: endpoint.id.0.as_u64_pair().1,
        ..PoolSettings::new(url)
    })
}

fn mode(endpoint: &endpoint::Model) -> PoolMode {
    match endpoint.pool_state {
        PoolState::Open => PoolMode::Open,
        PoolState::Paused => PoolMode::Paused,
        PoolState::Draining => PoolMode::Draining,
    }
}
