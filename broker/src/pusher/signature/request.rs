//! Signed requests of the HTTP API. The query carries `auth_key`, `auth_timestamp`, `auth_version`, `body_md5` where there is
//! a body, and `auth_signature` over `METHOD\n/path\nk1=v1&k2=v2`: all other parameters with lower-case names, in their
//! order, their values unescaped.

use md5::{Digest, Md5};
use ring::hmac;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

use super::is_signed;
use crate::host::Signing;

/// How far a request's clock may be from ours, in seconds.
pub const WINDOW: u64 = 600;
/// Most parameters of a query that is looked at.
const MAX_PARAMETERS: usize = 64;
/// Longest query that is looked at, in bytes.
const MAX_QUERY: usize = 16 * 1024;

/// Why a signed request is not accepted. Says nothing about what the signature should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// A parameter is not there.
    #[error("the query has no {0}")]
    Missing(&'static str),
    /// The query cannot be signed unambiguously.
    #[error("the query is not well formed: {0}")]
    Malformed(&'static str),
    /// Not the key of this endpoint.
    #[error("auth_key is not the key of this application")]
    Key,
    /// Another version than `1.0`.
    #[error("auth_version must be 1.0")]
    Version,
    /// Too old, or from the future.
    #[error("auth_timestamp is not within {WINDOW} seconds of our clock, which says {now}")]
    Expired {
        /// Our clock, in seconds since 1970.
        now: u64,
    },
    /// Signed with something else, or over something else.
    #[error("auth_signature is wrong")]
    Signature,
    /// The body is another.
    #[error("body_md5 is not the MD5 of the body")]
    Body,
}

/// Checks a signed request. `path` and `query` are as they came, without the question mark; `now` is our clock in seconds
/// since 1970.
///
/// # Errors
/// Why it is not accepted.
pub fn verify_request(
    signing: &Signing,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
    now: u64,
) -> Result<(), SignatureFault> {
    let parameters = Parameters::parse(query)?;
    if parameters.get("auth_key")? != &*signing.key {
        return Err(SignatureFault::Key);
    }
    if parameters.get("auth_version")? != "1.0" {
        return Err(SignatureFault::Version);
    }
    let timestamp: u64 = parameters
        .get("auth_timestamp")?
        .parse()
        .map_err(|_| SignatureFault::Malformed("auth_timestamp is not a number of seconds"))?;
    if timestamp.abs_diff(now) > WINDOW {
        return Err(SignatureFault::Expired { now });
    }
    let signature = parameters.get("auth_signature")?;
    if !is_signed(signing, signature, |context| {
        parameters.write(method, path, context);
    }) {
        return Err(SignatureFault::Signature);
    }
    match parameters.get("body_md5") {
        Ok(shown) if is_md5(body, shown) => Ok(()),
        Ok(_) => Err(SignatureFault::Body),
        Err(_) if body.is_empty() => Ok(()),
        Err(missing) => Err(missing),
    }
}

/// Signs a request as a tenant's back end does: answers the whole query. For tests and load generators.
pub fn sign_request(
    key: &str,
    secret: &hmac::Key,
    method: &str,
    path: &str,
    parameters: &[(&str, &str)],
    body: &[u8],
    now: u64,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    query.append_pair("auth_key", key);
    query.append_pair("auth_timestamp", &now.to_string());
    query.append_pair("auth_version", "1.0");
    if !body.is_empty() {
        query.append_pair("body_md5", &hex::encode(Md5::digest(body)));
    }
    let mut query = query.finish();
    let mut context = hmac::Context::with_key(secret);
    // What cannot be signed is sent without a meaningful signature, and refused.
    if let Ok(parameters) = Parameters::parse(&query) {
        parameters.write(method, path, &mut context);
    }
    query.push_str("&auth_signature=");
    query.push_str(&hex::encode(context.sign()));
    query
}

fn is_md5(body: &[u8], shown: &str) -> bool {
    let mut wanted = [0; 16];
    hex::decode_to_slice(shown, &mut wanted).is_ok()
        && bool::from(Md5::digest(body).as_slice().ct_eq(&wanted))
}

/// The parameters of a query by lower-case name, in the order in which they are signed.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Result<Self, SignatureFault> {
        if query.len() > MAX_QUERY {
            return Err(SignatureFault::Malformed("it is too long"));
        }
        let mut parameters = Vec::with_capacity(8);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Values are signed unescaped: with these characters in them, one signature would fit several queries.
            if name.contains(['=', '&', '\n']) || value.contains(['&', '\n']) {
                return Err(SignatureFault::Malformed("a name or value contains & or ="));
            }
            if parameters.len() == MAX_PARAMETERS {
                return Err(SignatureFault::Malformed("it has too many parameters"));
            }
            parameters.push((name.to_ascii_lowercase(), value.into_owned()));
        }
        parameters.sort_unstable();
        if parameters.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(SignatureFault::Malformed("a parameter stands there twice"));
        }
        Ok(Self(parameters))
    }

    fn get(&self, name: &'static str) -> Result<&str, SignatureFault> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .ok_or(SignatureFault::Missing(name))
    }

    /// Writes what is signed.
    fn write(&self, method: &str, path: &str, context: &mut hmac::Context) {
        for part in [method, "\n", path, "\n"] {
            context.update(part.as_bytes());
        }
        let signed = self.0.iter().filter(|(name, _)| name != "auth_signature");
        for (number, (name, value)) in signed.enumerate() {
            for part in [if number == 0 { "" } else { "&" }, name, "=", value] {
                context.update(part.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pusher::signature::tests::{KEY, secret, signing};

    const SECRET: &str = "7ad3773142a6692b25b8";
    const PATH: &str = "/apps/3/events";
    const NOW: u64 = 1_353_088_179;
    const BODY: &[u8] = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
    const QUERY: &str = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0\
                         &body_md5=ec365a775a4cd0599faeb73354201b6f\
                         &auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";

    fn verify(query: &str, body: &[u8], now: u64) -> Result<(), SignatureFault> {
        verify_request(&signing(&[SECRET]), "POST", PATH, query, body, now)
    }

    #[test]
    fn the_documented_request_is_accepted() {
        assert_eq!(verify(QUERY, BODY, NOW), Ok(()));
        let signed = sign_request(KEY, &secret(SECRET), "POST", PATH, &[], BODY, NOW);
        assert_eq!(signed, QUERY);
    }

    #[test]
    fn any_other_request_is_not() {
        let all = signing(&[SECRET]);
        for (method, path) in [("GET", PATH), ("post", PATH), ("POST", "/apps/4/events")] {
            let outcome = verify_request(&all, method, path, QUERY, BODY, NOW);
            assert_eq!(outcome, Err(SignatureFault::Signature), "{method} {path}");
        }
        let more = format!("{QUERY}&info=user_count");
        assert_eq!(verify(&more, BODY, NOW), Err(SignatureFault::Signature));
        let other = QUERY.replace("da45", "da46");
        assert_eq!(verify(&other, BODY, NOW), Err(SignatureFault::Signature));
        assert_eq!(verify(QUERY, b"{}", NOW), Err(SignatureFault::Body));
        assert_eq!(verify(QUERY, b"", NOW), Err(SignatureFault::Body));
        assert_eq!(
            verify(&QUERY.replace("278d", "278e"), BODY, NOW),
            Err(SignatureFault::Key)
        );
        assert_eq!(
            verify(&QUERY.replace("1.0", "1.1"), BODY, NOW),
            Err(SignatureFault::Version)
        );
    }

    #[test]
    fn the_clock_may_be_ten_minutes_off() {
        for (now, good) in [
            (NOW + WINDOW, true),
            (NOW + WINDOW + 1, false),
            (NOW - WINDOW, true),
            (NOW - WINDOW - 1, false),
        ] {
            let expected = if good {
                Ok(())
            } else {
                Err(SignatureFault::Expired { now })
            };
            assert_eq!(verify(QUERY, BODY, now), expected, "{now}");
        }
        let nonsense = QUERY.replace("1353088179", "yesterday");
        assert!(matches!(
            verify(&nonsense, BODY, NOW),
            Err(SignatureFault::Malformed(_))
        ));
    }

    #[test]
    fn whatever_is_missing_is_named() {
        for name in ["auth_key", "auth_version", "auth_timestamp", "auth_signature"] {
            let query: Vec<_> = QUERY.split('&').filter(|part| !part.starts_with(name)).collect();
            assert_eq!(
                verify(&query.join("&"), BODY, NOW),
                Err(SignatureFault::Missing(name))
            );
        }
        // A body that nobody vouched for, though the query was signed.
        let unbound = sign_request(KEY, &secret(SECRET), "POST", PATH, &[], b"", NOW);
        assert_eq!(verify(&unbound, b"", NOW), Ok(()));
        assert_eq!(
            verify(&unbound, BODY, NOW),
            Err(SignatureFault::Missing("body_md5"))
        );
    }

    #[test]
    fn names_are_sorted_in_lower_case_and_values_are_unescaped() {
        let parameters = [
            ("Info", "user_count,cache"),
            ("filter_by_prefix", "presence-"),
            ("Zed", "a b=ü+"),
        ];
        let query = sign_request(
            KEY,
            &secret(SECRET),
            "GET",
            "/apps/3/channels",
            &parameters,
            b"",
            NOW,
        );
        let check =
            |query: &str| verify_request(&signing(&[SECRET]), "GET", "/apps/3/channels", query, b"", NOW);
        assert_eq!(check(&query), Ok(()));
        // The same by hand.
        let text = format!(
            "GET\n/apps/3/channels\nauth_key={KEY}&auth_timestamp={NOW}&auth_version=1.0\
             &filter_by_prefix=presence-&info=user_count,cache&zed=a b=ü+"
        );
        let by_hand = hex::encode(hmac::sign(&secret(SECRET), text.as_bytes()));
        assert!(query.ends_with(&by_hand));
        let shuffled: Vec<_> = query.split('&').rev().collect();
        assert_eq!(check(&shuffled.join("&")), Ok(()));
    }

    #[test]
    fn what_one_signature_would_fit_twice_is_refused() {
        for query in [
            "a=1%26b=2",
            "a%3Db=1",
            "a=1&a=2",
            "a=1&A=2",
            "a=1%0Ab",
            &"a=1&".repeat(5_000),
        ] {
            let outcome = verify(query, b"", NOW);
            assert!(
                matches!(outcome, Err(SignatureFault::Malformed(_))),
                "{outcome:?}"
            );
        }
    }
}
