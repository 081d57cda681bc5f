//! The upstream pools of relay endpoints on this node: opened when first needed, replaced when the endpoint changes.

use std::{collections::HashMap, sync::Arc};

use broker::{
    Broker,
    egress::Egress,
    upstream::{Pool, PoolSettings, PoolStats},
};
use domain::{
    Ctx,
    error::{Error, Result},
};
use entity::{endpoint, id::EndpointId};
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
    version: i32,
    pool: Pool,
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
        let url = Url::parse(endpoint.upstream_url.as_deref()?).ok()?;
        let mut pools = self.pools.lock();
        if let Some(open) = pools
            .get(&endpoint.id)
            .filter(|open| open.version == endpoint.version)
        {
            return Some(open.pool.clone());
        }
        let settings = PoolSettings {
            min: usize::try_from(endpoint.pool_min).unwrap_or_default(),
            max: usize::try_from(endpoint.pool_max).unwrap_or(1),
            subprotocol: endpoint.subprotocol.clone(),
            max_message: usize::try_from(endpoint.max_message_bytes).unwrap_or(65_536),
            seed: endpoint.id.0.as_u64_pair().1,
            ..PoolSettings::new(url)
        };
        let pool = broker.open_pool(settings, self.egress.clone());
        // Sessions of an older version keep their sockets; its warm ones are closed with the last clone.
        pools.insert(
            endpoint.id,
            Open {
                version: endpoint.version,
                pool: pool.clone(),
            },
        );
        Some(pool)
    }

    /// What a pool looks like now; none when nobody needed it yet.
    pub fn stats(&self, endpoint: EndpointId) -> Option<PoolStats> {
        self.pools.lock().get(&endpoint).map(|open| open.pool.stats())
    }

    /// Another process switched endpoints off or deleted them.
    pub fn close_gone(&self, ctx: &Ctx) {
        let is_open = |id: EndpointId| {
            let picture = ctx.pictures.get(id);
            picture.is_some_and(|picture| picture.endpoint(id).is_some_and(|there| there.row.enabled))
        };
        let open: Vec<EndpointId> = self.pools.lock().keys().copied().collect();
        for gone in open.into_iter().filter(|id| !is_open(*id)) {
            self.close(gone);
        }
    }

    /// The endpoint is gone.
    pub fn close(&self, endpoint: EndpointId) {
        if let Some(open) = self.pools.lock().remove(&endpoint) {
            open.pool.close();
        }
    }
}
