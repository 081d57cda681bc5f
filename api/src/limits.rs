//! How often somebody may ask: per credential, or per client address for those without one.
//! Told in `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers).

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use domain::Error;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use poem::{
    Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderMap, HeaderValue},
};
use vault::token;

use crate::{caller, problem::ApiError, state::State};

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The counters.
#[derive(Clone)]
pub struct Limits {
    credentials: Arc<Keyed<[u8; 32]>>,
    addresses: Arc<Keyed<IpAddr>>,
}

impl Limits {
    /// Requests per second, with bursts of twice as many.
    pub fn new(per_credential: u32, per_address: u32) -> Self {
        Self {
            credentials: Arc::new(RateLimiter::keyed(quota(per_credential)).with_middleware()),
            addresses: Arc::new(RateLimiter::keyed(quota(per_address)).with_middleware()),
        }
    }

    /// Forgets who has not asked for a while. To be called now and then.
    pub fn sweep(&self) {
        self.credentials.retain_recent();
        self.addresses.retain_recent();
    }

    /// Counts a request; answers what is left of the burst.
    fn take(&self, who: &Asker) -> std::result::Result<Left, Duration> {
        fn check<K: Clone + Eq + std::hash::Hash>(
            limiter: &Keyed<K>,
            key: &K,
        ) -> std::result::Result<Left, Duration> {
            match limiter.check_key(key) {
                Ok(snapshot) => Ok(Left {
                    burst: snapshot.quota().burst_size().get(),
                    remaining: snapshot.remaining_burst_capacity(),
                }),
                Err(not_until) => Err(not_until.wait_time_from(DefaultClock::default().now())),
            }
        }
        match who {
            Asker::Credential(fingerprint) => check(&self.credentials, fingerprint),
            Asker::Address(address) => check(&self.addresses, address),
        }
    }
}

fn quota(per_second: u32) -> Quota {
    let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(per_second).allow_burst(per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
}

enum Asker {
    Credential([u8; 32]),
    Address(IpAddr),
}

struct Left {
    burst: u32,
    remaining: u32,
}

/// Refuses those who ask too often.
pub struct RateLimited;

impl<E: Endpoint<Output = Response>> Middleware<E> for RateLimited {
    type Output = Limited<E>;

    fn transform(&self, inner: E) -> Limited<E> {
        Limited(inner)
    }
}

/// See [`RateLimited`].
pub struct Limited<E>(E);

impl<E: Endpoint<Output = Response>> Endpoint for Limited<E> {
    type Output = Response;

    async fn call(&self, req: Request) -> Result<Response> {
        let Some(state) = req.data::<State>().cloned() else {
            return self.0.call(req).await;
        };
        let who = match caller::CARRIER.find(&req) {
            Some(credential) => Asker::Credential(token::fingerprint(&credential)),
            None => Asker::Address(
                client_address(&req, state.settings.trust_forwarded).unwrap_or(Ipv6Addr::UNSPECIFIED.into()),
            ),
        };
        let left = match state.limits.take(&who) {
            Ok(left) => left,
            Err(retry_after) => return Ok(ApiError::from(Error::TooMany { retry_after }).into_response()),
        };
        let mut response = match self.0.call(req).await {
            Ok(response) => response,
            Err(error) => crate::problem::from_framework(error),
        };
        tell(response.headers_mut(), &left);
        Ok(response)
    }
}

fn tell(headers: &mut HeaderMap, left: &Left) {
    headers.insert("ratelimit-limit", HeaderValue::from(left.burst));
    headers.insert("ratelimit-remaining", HeaderValue::from(left.remaining));
    // Buckets refill within two seconds, whatever their size.
    let used = left.burst.saturating_sub(left.remaining);
    headers.insert(
        "ratelimit-reset",
        HeaderValue::from(u32::from(used > 0) + u32::from(used > left.burst / 2)),
    );
}

/// The client's address: the peer's, or what our proxy says it is. The last entry is the one our proxy added.
pub fn client_address(req: &Request, trust_forwarded: bool) -> Option<IpAddr> {
    if trust_forwarded {
        let forwarded = req.headers().get_all("x-forwarded-for").iter().next_back()?;
        return forwarded.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    }
    req.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip)
}
