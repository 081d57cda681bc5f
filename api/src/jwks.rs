//! Key sets (RFC 7517) of tenants: fetched when a token needs one, remembered for a while.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use broker::egress::{Egress, PeerTls, http};
use domain::{
    JwkSet,
    error::{Error, Result},
};
use entity::endpoint;
use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

/// How long a key set is believed.
const FRESH: Duration = Duration::from_mins(5);
/// How soon a fetch may be repeated, whatever came of it: a flood of bad tokens must not become a flood of fetches.
const PAUSE: Duration = Duration::from_secs(10);
/// Bytes. A key set of fifty RSA keys has 20 KiB.
const MAX_SIZE: usize = 128 << 10;
/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sets kept at once.
const MAX_SETS: usize = 10_000;

/// Key sets by address.
#[derive(Clone)]
pub struct KeySets {
    egress: Egress,
    sets: Arc<Mutex<HashMap<String, Fetched>>>,
}

#[derive(Clone)]
struct Fetched {
    at: Instant,
    set: Option<Arc<JwkSet>>,
}

impl KeySets {
    /// `egress` says which addresses may be reached.
    pub fn new(egress: Egress) -> Self {
        Self {
            egress,
            sets: Arc::default(),
        }
    }

    /// The key set of an endpoint: the one it carries, or the one at its address.
    pub async fn of(&self, endpoint: &endpoint::Model) -> Result<Option<Arc<JwkSet>>> {
        if let Some(keys) = &endpoint.jwks {
            return Ok(Some(Arc::new(serde_json::from_value(keys.clone())?)));
        }
        let Some(address) = &endpoint.jwks_url else {
            return Ok(None);
        };
        let known = self.sets.lock().get(address).cloned();
        if let Some(known) = &known {
            let age = known.at.elapsed();
            if age < PAUSE || (age < FRESH && known.set.is_some()) {
                return Ok(known.set.clone());
            }
        }
        let fetched = match self.fetch(address).await {
            Ok(set) => Some(Arc::new(set)),
            // An old set beats none while the tenant's server is down.
            Err(error) => {
                tracing::info!(endpoint.id = %endpoint.id, error = format!("{error:#}"), "could not fetch a key set");
                known.and_then(|known| known.set)
            }
        };
        let mut sets = self.sets.lock();
        if sets.len() >= MAX_SETS {
            sets.clear();
        }
        sets.insert(
            address.clone(),
            Fetched {
                at: Instant::now(),
                set: fetched.clone(),
            },
        );
        Ok(fetched)
    }

    async fn fetch(&self, address: &str) -> anyhow::Result<JwkSet> {
        let url = Url::parse(address)?;
        let client = self.egress.http(&url, &PeerTls::default(), true).await?;
        let answer = client.get(url).timeout(PATIENCE).send().await?;
        let body = http::body(answer.error_for_status()?, MAX_SIZE).await?;
        let body = body.context("the key set is too large")?;
        Ok(serde_json::from_slice(&body).map_err(Error::from)?)
    }
}
