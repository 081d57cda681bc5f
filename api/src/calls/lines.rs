//! The HTTP clients that calls go through: one for each endpoint, to addresses that were checked, looked up anew every few seconds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::egress::{Egress, PeerTls};
use domain::{pictures, webhooks::Header};
use entity::{endpoint::UpstreamState, id::EndpointId};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use super::Trouble;
use crate::relays::peer_tls;

/// How long the addresses behind a name are believed.
const FRESH: Duration = Duration::from_secs(10);
/// Bytes of an answer at most.
const MAX_ANSWER: usize = 1 << 20;
/// Endpoints remembered.
const MAX_LINES: usize = 10_000;

/// Clients by endpoint.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<HashMap<EndpointId, Arc<Line>>>>);

struct Line {
    key: Key,
    client: reqwest::Client,
    made_at: Instant,
    /// Calls at a time.
    permits: Arc<Semaphore>,
}

#[derive(PartialEq, Eq)]
struct Key {
    url: String,
    tls: PeerTls,
    proven: bool,
    at_once: usize,
}

/// What came of a call.
pub(super) enum Posted {
    /// A status, and what it said with it.
    Answered(u16, Vec<u8>),
}

impl Lines {
    /// Makes a call, when it is its turn.
    pub(super) async fn post(
        &self,
        egress: &Egress,
        endpoint: &pictures::Endpoint,
        headers: &[Header],
        body: &[u8],
        timeout: Duration,
    ) -> Result<Posted, Trouble> {
        let line = self.line(egress, endpoint).await?;
        let url: Url = line.key.url.parse().map_err(|_| Trouble::Lasting)?;
        let access = endpoint.access().ok_or(Trouble::Lasting)?;
        // Only closed with the line itself, which is here.
        let _turn = line.permits.acquire().await.map_err(|_| Trouble::Passing)?;
        let mut request = line.client.post(url).timeout(timeout).body(body.to_vec());
        // Ours last: nobody else says who signed it.
        for (name, value) in &access.headers {
            request = request.header(name, value.expose());
        }
        let mut ours = reqwest::header::HeaderMap::new();
        for (name, value) in headers {
            let value = value.parse().map_err(|_| Trouble::Lasting)?;
            ours.insert(*name, value);
        }
        let mut response = request.headers(ours).send().await.map_err(|_| Trouble::Passing)?;
        let status = response.status().as_u16();
        let mut said = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Trouble::Passing)? {
            if said.len() + chunk.len() > MAX_ANSWER {
                return Err(Trouble::Lasting);
            }
            said.extend_from_slice(&chunk);
        }
        Ok(Posted::Answered(status, said))
    }

    async fn line(&self, egress: &Egress, endpoint: &pictures::Endpoint) -> Result<Arc<Line>, Trouble> {
        let row = &endpoint.row;
        let access = endpoint.access().ok_or(Trouble::Lasting)?;
        let key = Key {
            url: row.upstream_url.clone().ok_or(Trouble::Lasting)?,
            tls: peer_tls(access),
            proven: row.upstream_state == UpstreamState::Proven,
            at_once: usize::try_from(row.pool_max).unwrap_or(1),
        };
        let known = self.0.lock().get(&row.id).cloned();
        let known = known.filter(|line| line.key == key);
        if let Some(line) = &known
            && line.made_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(line));
        }
        let url: Url = key.url.parse().map_err(|_| Trouble::Lasting)?;
        let addresses = egress.resolve(&url).await.map_err(|_| Trouble::Passing)?;
        if !key.proven && !egress.vouches(&addresses) {
            return Err(Trouble::Lasting);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        // The checked addresses and no others: a name that changes its answer changes nothing here.
        let mut client = reqwest::Client::builder()
            .resolve_to_addrs(&host, &addresses)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("Weir/", env!("CARGO_PKG_VERSION")));
        if !key.tls.is_usual() {
            let config = key.tls.config().map_err(|_| Trouble::Lasting)?;
            client = client.tls_backend_preconfigured(config);
        }
        let line = Arc::new(Line {
            client: client.build().map_err(|_| Trouble::Passing)?,
            made_at: Instant::now(),
            // Those that are under way still count.
            permits: match known {
                Some(known) => Arc::clone(&known.permits),
                None => Arc::new(Semaphore::new(key.at_once)),
            },
            key,
        });
        let mut lines = self.0.lock();
        if lines.len() >= MAX_LINES {
            lines.clear();
        }
        lines.insert(row.id, Arc::clone(&line));
        Ok(line)
    }
}
