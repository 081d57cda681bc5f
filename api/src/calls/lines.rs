//! The HTTP clients that calls go through: one for each endpoint, to addresses that were checked, looked up anew every few seconds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::egress::{Egress, PeerTls, http};
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

impl Lines {
    /// Makes a call, when it is its turn. Answers the status, and what was said with it.
    pub(super) async fn post(
        &self,
        egress: &Egress,
        endpoint: &pictures::Endpoint,
        headers: &[Header],
        body: &[u8],
        timeout: Duration,
    ) -> Result<(u16, Vec<u8>), Trouble> {
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
        let answer = request.headers(ours).send().await.map_err(|_| Trouble::Passing)?;
        let status = answer.status().as_u16();
        let said = http::body(answer, MAX_ANSWER)
            .await
            .map_err(|_| Trouble::Passing)?;
        Ok((status, said.ok_or(Trouble::Lasting)?))
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
        let client = egress.http(&url, &key.tls, key.proven).await;
        let line = Arc::new(Line {
            client: client.map_err(|_| Trouble::Passing)?,
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
