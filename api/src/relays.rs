//! The upstream pools of relay endpoints on this node: opened when first needed, replaced when the endpoint changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::{
    Broker,
    egress::Egress,
    upstream::{Mux, Pool, PoolMode, PoolSettings},
};
use domain::{
    Ctx,
    error::{Error, Result},
};
use entity::{
    endpoint::{self, PoolMode as Sharing, PoolState},
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

/// How a relay's sessions reach the back end.
#[derive(Clone)]
pub enum Way {
    /// Each over a socket of its own.
    Own(Pool),
    /// Over few that they share.
    Shared(Mux),
}

impl Way {
    fn pool(&self) -> &Pool {
        match self {
            Self::Own(pool) => pool,
            Self::Shared(mux) => mux.pool(),
        }
    }

    /// When to come back, where it is known that there is no socket for anybody now.
    pub fn refusal(&self) -> Option<Duration> {
        let refusal = match self {
            Self::Own(pool) => pool.refusal(),
            Self::Shared(mux) => mux.refusal(),
        };
        refusal.map(|(_, retry_after)| retry_after)
    }
}

struct Open {
    way: Way,
    per_socket: i32,
    generation: i32,
}

impl Open {
    fn fits(&self, settings: &PoolSettings, endpoint: &endpoint::Model) -> bool {
        // What is shared has a subprotocol of its own, which is among the settings.
        *self.way.pool().settings() == *settings && self.per_socket == endpoint.sessions_per_socket
    }
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

    /// The way to a relay's back end, opened now if it was not. None for an endpoint without an upstream.
    pub fn way(&self, broker: &Broker, endpoint: &endpoint::Model) -> Option<Way> {
        let settings = settings(endpoint)?;
        let mut pools = self.pools.lock();
        if let Some(open) = pools
            .get(&endpoint.id)
            .filter(|open| open.fits(&settings, endpoint))
        {
            return Some(open.way.clone());
        }
        let pool = broker.open_pool(settings, self.egress.clone());
        pool.set_mode(mode(endpoint));
        let way = match endpoint.pool_mode {
            Sharing::Session => Way::Own(pool),
            Sharing::Multiplex => {
                let per_socket = usize::try_from(endpoint.sessions_per_socket).unwrap_or(1);
                Way::Shared(Mux::new(pool, per_socket))
            }
        };
        // Sessions of before keep their sockets; the warm ones are closed with the last clone.
        pools.insert(
            endpoint.id,
            Open {
                way: way.clone(),
                per_socket: endpoint.sessions_per_socket,
                generation: endpoint.pool_generation,
            },
        );
        Some(way)
    }

    /// Endpoints changed, here or on another node: pools do what they are told now, and those of endpoints that are switched
    /// off, deleted or lead elsewhere are closed.
    pub fn follow(&self, ctx: &Ctx) {
        let mut pools = self.pools.lock();
        pools.retain(|id, open| {
            let picture = ctx.pictures.get(*id);
            let there = picture.as_ref().and_then(|picture| picture.endpoint(*id));
            let Some(row) = there.map(|there| &there.row).filter(|row| row.enabled) else {
                open.way.pool().close();
                return false;
            };
            if !settings(row).is_some_and(|settings| open.fits(&settings, row)) {
                open.way.pool().close();
                return false;
            }
            open.way.pool().set_mode(mode(row));
            if open.generation != row.pool_generation {
                open.generation = row.pool_generation;
                open.way.pool().reconnect();
            }
            true
        });
    }

    /// The endpoint is gone.
    pub fn close(&self, endpoint: EndpointId) {
        if let Some(open) = self.pools.lock().remove(&endpoint) {
            open.way.pool().close();
        }
    }
}

/// What an endpoint's pool is to do.
fn settings(endpoint: &endpoint::Model) -> Option<PoolSettings> {
    let url = Url::parse(endpoint.upstream_url.as_deref()?).ok()?;
    let max_message = usize::try_from(endpoint.max_message_bytes).unwrap_or(65_536);
    Some(PoolSettings {
        tenant: endpoint.tenant_id.0,
        endpoint: endpoint.id.0,
        min: usize::try_from(endpoint.pool_min).unwrap_or_default(),
        max: usize::try_from(endpoint.pool_max).unwrap_or(1),
        subprotocol: match endpoint.pool_mode {
            Sharing::Session => endpoint.subprotocol.clone(),
            Sharing::Multiplex => Some(Mux::PROTOCOL.to_owned()),
        },
        max_message: match endpoint.pool_mode {
            Sharing::Session => max_message,
            Sharing::Multiplex => max_message + Mux::ENVELOPE,
        },
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
