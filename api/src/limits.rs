//! How often somebody may ask: per credential, or per client address for those without one; and how often an address may
//! open a socket. Told in `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers), but not where sockets are opened:
//! there is nobody to read them.

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
    handshakes: Option<Arc<Keyed<IpAddr>>>,
}

impl Limits {
    /// Requests per second, with bursts of twice as many. No limit where handshakes are 0.
    pub fn new(per_credential: u32, per_address: u32, handshakes: u32) -> Self {
        let handshakes = (handshakes > 0).then(|| quota(handshakes));
        Self {
            credentials: Arc::new(RateLimiter::keyed(quota(per_credential)).with_middleware()),
            addresses: Arc::new(RateLimiter::keyed(quota(per_address)).with_middleware()),
            handshakes: handshakes.map(|quota| Arc::new(RateLimiter::keyed(quota).with_middleware())),
        }
    }

    /// Counts an attempt to open a socket.
    ///
    /// # Errors
    /// After which time the next one may be made.
    pub fn handshake(&self, address: Option<IpAddr>) -> std::result::Result<(), Duration> {
        match &self.handshakes {
            Some(limiter) => check(limiter, &counted(address)).map(drop),
            None => Ok(()),
        }
    }

    /// Counts a request whose signature is not good.
    ///
    /// # Errors
    /// After which time the next one may be made.
    pub fn stranger(&self, address: Option<IpAddr>) -> std::result::Result<(), Duration> {
        check(&self.addresses, &counted(address)).map(drop)
    }

    /// Forgets who has not asked for a while. To be called now and then.
    pub fn sweep(&self) {
        self.credentials.retain_recent();
        self.addresses.retain_recent();
        if let Some(handshakes) = &self.handshakes {
            handshakes.retain_recent();
        }
    }

    /// Counts a request; answers what is left of the burst.
    fn take(&self, who: &Asker) -> std::result::Result<Left, Duration> {
        match who {
            Asker::Credential(fingerprint) => check(&self.credentials, fingerprint),
            Asker::Address(address) => check(&self.addresses, address),
        }
    }
}

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

/// What counts as one address: of IPv6 the /64, which is what one customer has.
fn counted(address: Option<IpAddr>) -> IpAddr {
    match address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()).to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
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
            None => Asker::Address(counted(client_address(&req, state.settings.trust_forwarded))),
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

/// The client's address as connections are counted by it.
pub fn counted_address(req: &Request, trust_forwarded: bool) -> Option<IpAddr> {
    client_address(req, trust_forwarded).map(|address| counted(Some(address)))
}

/// The client's address: the peer's, or what our proxy says it is. The last entry is the one our proxy added.
pub fn client_address(req: &Request, trust_forwarded: bool) -> Option<IpAddr> {
    if trust_forwarded {
        let forwarded = req.headers().get_all("x-forwarded-for").iter().next_back()?;
        return forwarded.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    }
    req.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_one_customer_has() {
        let of = |text: &str| counted(Some(text.parse().unwrap())).to_string();
        assert_eq!(of("203.0.113.7"), "203.0.113.7");
        assert_eq!(of("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:2:ffff::1"), of("2001:db8:1:2::"));
    }

    #[test]
    fn handshakes_beyond_the_burst_wait_and_others_do_not() {
        let limits = Limits::new(1, 1, 2);
        let (one, other) = (Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()));
        assert!(
            (0..4).all(|_| limits.handshake(one).is_ok()),
            "twice as many at once"
        );
        assert!(limits.handshake(one).is_err());
        assert!(limits.handshake(other).is_ok());
        let unlimited = Limits::new(1, 1, 0);
        assert!((0..1000).all(|_| unlimited.handshake(one).is_ok()));
    }
}
