//! How often somebody may ask: per credential, or per client address for those without one; and how often an address may
//! open a socket. Told in `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers), but not where sockets are opened:
//! there is nobody to read them. Nodes count together: what is spent at one is taken off at the others a moment later.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use broker::{Broker, Spender};
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

/// Counters of one rate, by a number that is the same for somebody on every node.
type Keyed = RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// The counters.
#[derive(Clone)]
pub struct Limits {
    rates: Arc<[Option<Keyed>; 3]>,
    broker: Option<Broker>,
}

/// Of which there are counters.
#[derive(Clone, Copy)]
enum Rate {
    Credential,
    Address,
    Handshake,
}

impl Limits {
    /// Requests per second, with bursts of twice as many. No limit where handshakes are 0.
    pub fn new(per_credential: u32, per_address: u32, handshakes: u32) -> Self {
        let keyed = |per_second| RateLimiter::keyed(quota(per_second)).with_middleware();
        let rates = [
            Some(keyed(per_credential)),
            Some(keyed(per_address)),
            (handshakes > 0).then(|| keyed(handshakes)),
        ];
        Self {
            rates: Arc::new(rates),
            broker: None,
        }
    }

    /// The same, counted together with the other nodes that this broker hears.
    #[must_use]
    pub fn over_all_nodes(self, broker: &Broker) -> Self {
        let rates = Arc::clone(&self.rates);
        broker.on_spent_elsewhere(Box::new(move |Spender { rate, who }, count| {
            if let Some(Some(limiter)) = rates.get(usize::from(rate)) {
                charge(limiter, who, count);
            }
        }));
        Self {
            broker: Some(broker.clone()),
            ..self
        }
    }

    /// Counts an attempt to open a socket.
    ///
    /// # Errors
    /// After which time the next one may be made.
    pub fn handshake(&self, address: Option<IpAddr>) -> std::result::Result<(), Duration> {
        self.check(Rate::Handshake, number_of(address)).map(drop)
    }

    /// Counts a request whose signature is not good.
    ///
    /// # Errors
    /// After which time the next one may be made.
    pub fn stranger(&self, address: Option<IpAddr>) -> std::result::Result<(), Duration> {
        self.check(Rate::Address, number_of(address)).map(drop)
    }

    /// Forgets who has not asked for a while. To be called now and then.
    pub fn sweep(&self) {
        for limiter in self.rates.iter().flatten() {
            limiter.retain_recent();
        }
    }

    /// Counts one; answers what is left of the burst, where there is a limit.
    fn check(&self, rate: Rate, who: u64) -> std::result::Result<Option<Left>, Duration> {
        let Some(limiter) = &self.rates[rate as usize] else {
            return Ok(None);
        };
        let snapshot = limiter
            .check_key(&who)
            .map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))?;
        if let Some(broker) = &self.broker {
            let rate = rate as u8;
            broker.spent(Spender { rate, who });
        }
        Ok(Some(Left {
            burst: snapshot.quota().burst_size().get(),
            remaining: snapshot.remaining_burst_capacity(),
        }))
    }
}

/// Takes off what was spent elsewhere, or as much of it as is there: in halves, since all or nothing is taken at once.
fn charge(limiter: &Keyed, who: u64, mut count: u32) {
    let mut piece = 1 << count.checked_ilog2().unwrap_or_default();
    while let Some(size) = NonZeroU32::new(piece) {
        if size.get() <= count && matches!(limiter.check_key_n(&who, size), Ok(Ok(_))) {
            count -= size.get();
        }
        piece >>= 1;
    }
}

/// The number of an address, or of the network that counts as one.
fn number_of(address: Option<IpAddr>) -> u64 {
    match counted(address) {
        IpAddr::V6(network) => network
            .octets()
            .first_chunk()
            .map_or(0, |half| u64::from_be_bytes(*half)),
        // Where IPv6 has nobody.
        IpAddr::V4(address) => 0xffff << 32 | u64::from(address.to_bits()),
    }
}

/// The number of who shows a credential.
fn number_of_credential(fingerprint: &[u8; 32]) -> u64 {
    fingerprint
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
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
        let (rate, who) = if let Some(credential) = caller::CARRIER.find(&req) {
            (
                Rate::Credential,
                number_of_credential(&token::fingerprint(&credential)),
            )
        } else {
            let address = client_address(&req, state.settings.trust_forwarded);
            (Rate::Address, number_of(address))
        };
        let left = match state.limits.check(rate, who) {
            Ok(left) => left,
            Err(retry_after) => return Ok(ApiError::from(Error::TooMany { retry_after }).into_response()),
        };
        let mut response = match self.0.call(req).await {
            Ok(response) => response,
            Err(error) => crate::problem::from_framework(error),
        };
        if let Some(left) = left {
            tell(response.headers_mut(), &left);
        }
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
    fn numbers_tell_addresses_apart() {
        let of = |text: &str| number_of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }

    #[test]
    fn what_is_spent_elsewhere_is_taken_off_as_far_as_there_is_something() {
        let limits = Limits::new(1, 10, 0);
        let limiter = limits.rates[Rate::Address as usize].as_ref().unwrap();
        let left = || limits.check(Rate::Address, 7).unwrap().unwrap().remaining;
        charge(limiter, 7, 13);
        assert_eq!(left(), 6);
        charge(limiter, 7, 1000);
        assert!(limits.check(Rate::Address, 7).is_err());
        assert!(limits.check(Rate::Address, 8).is_ok());
        charge(limiter, 8, 0);
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
