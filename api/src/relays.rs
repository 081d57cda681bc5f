//! The upstream pools of relay endpoints on this node: opened when first needed, replaced when the endpoint changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::{
    Broker,
    egress::{Egress, PeerTls, PeerTlsFault, Prove},
    upstream::{Mux, Pool, PoolMode, PoolSettings},
};
use chrono::{DateTime, Utc};
use domain::{
    Ctx,
    endpoints::Access,
    error::{Error, Result},
    pictures,
};
use entity::{
    endpoint::{self, PoolMode as Sharing, PoolState, UpstreamState},
    id::EndpointId,
};
use parking_lot::Mutex;
use url::Url;

use crate::{calls::Lines, upstreams::Askings};

/// Pools by endpoint.
#[derive(Clone)]
pub struct Relays {
    egress: Egress,
    askings: Askings,
    lines: Lines,
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
    fn fits(&self, settings: &PoolSettings, row: &endpoint::Model) -> bool {
        // What is shared has a subprotocol of its own, which is among the settings.
        *self.way.pool().settings() == *settings && self.per_socket == row.sessions_per_socket
    }
}

impl Relays {
    /// No pools yet. `egress` says which addresses may be reached.
    pub fn new(egress: Egress) -> Self {
        Self {
            egress,
            askings: Askings::default(),
            lines: Lines::default(),
            pools: Arc::default(),
        }
    }

    /// The guard of every address that a tenant may give.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// When relays were asked whose they are.
    pub(crate) fn askings(&self) -> &Askings {
        &self.askings
    }

    /// What back ends without sockets are called through.
    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Refuses an address that could never be reached from here.
    pub async fn check_address(&self, url: Option<&str>, field: &'static str) -> Result<()> {
        self.check_upstream(url, field).await.map(drop)
    }

    /// The same for a back end; answers whether it has to be proven.
    pub async fn check_upstream(&self, url: Option<&str>, field: &'static str) -> Result<UpstreamState> {
        let Some(url) = url.and_then(|url| Url::parse(url).ok()) else {
            return Ok(UpstreamState::Unproven);
        };
        let refuse = |fault: broker::egress::EgressFault| {
            Error::invalid(field, "address_not_allowed", fault.to_string())
        };
        self.egress.check_url(&url).map_err(refuse)?;
        let addresses = self.egress.resolve(&url).await.map_err(refuse)?;
        Ok(if self.egress.vouches(&addresses) {
            UpstreamState::Exempt
        } else {
            UpstreamState::Unproven
        })
    }

    /// Whether a relay's back end may be used: it was proven, or the operator vouches for it. What is exempt is looked at again
    /// when it is dialled: its name may lead elsewhere then.
    pub fn is_usable(&self, endpoint: &endpoint::Model) -> bool {
        match (endpoint.upstream_state, self.egress.prove()) {
            (UpstreamState::Proven, _) | (_, Prove::Nothing) | (UpstreamState::Exempt, Prove::Public) => true,
            (UpstreamState::Unproven, _) | (UpstreamState::Exempt, Prove::All) => false,
        }
    }

    /// The way to a relay's back end, opened now if it was not. None for an endpoint without an upstream.
    pub fn way(&self, broker: &Broker, endpoint: &pictures::Endpoint) -> Option<Way> {
        let settings = settings(endpoint)?;
        let row = &endpoint.row;
        let mut pools = self.pools.lock();
        if let Some(open) = pools.get(&row.id).filter(|open| open.fits(&settings, row)) {
            return Some(open.way.clone());
        }
        let pool = broker.open_pool(settings, self.egress.clone());
        pool.set_mode(mode(row));
        let way = match row.pool_mode {
            Sharing::Session | Sharing::Webhook => Way::Own(pool),
            Sharing::Multiplex => {
                let per_socket = usize::try_from(row.sessions_per_socket).unwrap_or(1);
                Way::Shared(Mux::new(pool, per_socket))
            }
        };
        // Sessions of before keep their sockets; the warm ones are closed with the last clone.
        pools.insert(
            row.id,
            Open {
                way: way.clone(),
                per_socket: row.sessions_per_socket,
                generation: row.pool_generation,
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
            let Some(there) = there.filter(|there| there.row.enabled) else {
                open.way.pool().close();
                return false;
            };
            let row = &there.row;
            if !settings(there).is_some_and(|settings| open.fits(&settings, row)) {
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
fn settings(endpoint: &pictures::Endpoint) -> Option<PoolSettings> {
    let access = endpoint.access()?;
    let endpoint = &endpoint.row;
    if endpoint.pool_mode == Sharing::Webhook {
        return None;
    }
    let url = Url::parse(endpoint.upstream_url.as_deref()?).ok()?;
    let max_message = usize::try_from(endpoint.max_message_bytes).unwrap_or(65_536);
    Some(PoolSettings {
        tenant: endpoint.tenant_id.0,
        endpoint: endpoint.id.0,
        proven: endpoint.upstream_state == UpstreamState::Proven,
        min: usize::try_from(endpoint.pool_min).unwrap_or_default(),
        max: usize::try_from(endpoint.pool_max).unwrap_or(1),
        headers: access
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().clone()))
            .collect(),
        tls: peer_tls(access),
        subprotocol: match endpoint.pool_mode {
            Sharing::Session | Sharing::Webhook => endpoint.subprotocol.clone(),
            Sharing::Multiplex => Some(Mux::PROTOCOL.to_owned()),
        },
        max_message: match endpoint.pool_mode {
            Sharing::Session | Sharing::Webhook => max_message,
            Sharing::Multiplex => max_message + Mux::ENVELOPE,
        },
        seed: endpoint.id.0.as_u64_pair().1,
        ..PoolSettings::new(url)
    })
}

/// What a back end is shown and known by, in the broker's words.
pub(crate) fn peer_tls(access: &Access) -> PeerTls {
    PeerTls {
        certificate: access
            .certificate
            .as_ref()
            .map(|(chain, key)| (chain.clone(), key.expose().clone())),
        authority: access.authority.clone(),
    }
}

/// Checks PEM that a tenant gave. Answers when the certificate expires.
pub(crate) fn check_pem(
    certificate: Option<(&str, &str)>,
    authority: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let peer = PeerTls {
        certificate: certificate.map(|(chain, key)| (chain.to_owned(), key.to_owned())),
        authority: authority.map(str::to_owned),
    };
    let expires_at = peer.check().map_err(|fault| {
        let (field, code) = match fault {
            PeerTlsFault::Certificate => ("/upstream_certificate", "malformed"),
            PeerTlsFault::Key => ("/upstream_key", "malformed"),
            PeerTlsFault::Mismatch => ("/upstream_key", "mismatch"),
            PeerTlsFault::Authority | PeerTlsFault::NoRoots => ("/upstream_ca", "malformed"),
        };
        Error::invalid(field, code, fault.to_string())
    })?;
    let expires_at = expires_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    if expires_at.is_some_and(|at| at <= now) {
        let detail = "this certificate has expired; use one that is still good";
        return Err(Error::invalid("/upstream_certificate", "expired", detail));
    }
    Ok(expires_at)
}

fn mode(endpoint: &endpoint::Model) -> PoolMode {
    match endpoint.pool_state {
        PoolState::Open => PoolMode::Open,
        PoolState::Paused => PoolMode::Paused,
        PoolState::Draining => PoolMode::Draining,
    }
}
