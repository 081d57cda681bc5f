//! Connection tokens: JWTs (RFC 7519) that a tenant signs so that an end-user may connect, `sub` being the person.
//!
//! HS256 with the endpoint's secret, or EdDSA, RS256 and ES256 with a key of the endpoint's key set (RFC 7517). The
//! algorithm must be that of the key: a token cannot choose to be checked more weakly (RFC 8725 §3.1).

use chrono::{DateTime, TimeDelta, Utc};
use entity::endpoint;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    ctx::Ctx,
    endpoints,
    error::{Error, Result},
};

/// What a token says, once it is believed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Claims {
    /// The person, by the tenant's own id.
    pub sub: String,
    /// Seconds since 1970; needed.
    pub exp: i64,
}

impl Claims {
    /// When the socket has to come back with a new token.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// Why a token is not believed. Says enough for its maker, nothing for a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a JWT, or without `sub` or `exp`.
    #[error("the token is malformed")]
    Malformed,
    /// No key of the endpoint signed it.
    #[error("the token's signature is not valid")]
    Signature,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// It is for another endpoint (`aud`), or not yet valid (`nbf`).
    #[error("the token is not for this endpoint or not valid yet")]
    NotForHere,
}

/// The longest life of a minted token.
const MAX_TTL: TimeDelta = TimeDelta::days(30);
/// Clocks differ: how much a token may be early or late, in seconds.
const LEEWAY: u64 = 5;

/// Makes a token for a person, signed with the endpoint's secret: for development, and for back ends that render pages.
pub async fn mint(
    ctx: &Ctx,
    endpoint: &endpoint::Model,
    subject: &str,
    ttl: TimeDelta,
) -> Result<(String, DateTime<Utc>)> {
    if subject.is_empty() || subject.len() > 256 {
        return Err(Error::invalid("/sub", "out_of_range", "use 1 to 256 bytes"));
    }
    if ttl < TimeDelta::seconds(1) || ttl > MAX_TTL {
        return Err(Error::invalid(
            "/ttl_seconds",
            "out_of_range",
            "use 1 second to 30 days",
        ));
    }
    let secrets = endpoints::secrets(ctx, endpoint).await?;
    let secret = secrets.first().ok_or(Error::Gone {
        what: "the endpoint's secret",
    })?;
    let (now, expires) = (ctx.now(), ctx.now() + ttl);
    let claims =
        json!({ "sub": subject, "iat": now.timestamp(), "exp": expires.timestamp(), "aud": endpoint.id });
    let key = EncodingKey::from_secret(secret.as_bytes());
    let token = encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(Error::internal)?;
    Ok((token, expires))
}

/// Checks a token against the endpoint's secrets and its key set (`jwks`: what was fetched, or what is stored).
pub fn verify<'a>(
    token: &str,
    endpoint: &endpoint::Model,
    secrets: impl Iterator<Item = &'a str>,
    jwks: Option<&JwkSet>,
    now: DateTime<Utc>,
) -> Result<Claims, TokenFault> {
    let header = decode_header(token).map_err(|_| TokenFault::Malformed)?;
    let keys: Vec<DecodingKey> = match header.alg {
        Algorithm::HS256 => secrets
            .map(|secret| DecodingKey::from_secret(secret.as_bytes()))
            .collect(),
        Algorithm::EdDSA | Algorithm::RS256 | Algorithm::ES256 => jwks
            .map(|set| set.keys.as_slice())
            .unwrap_or_default()
            .iter()
            .filter(|key| fits(key, header.alg, header.kid.as_deref()))
            .filter_map(|key| DecodingKey::from_jwk(key).ok())
            .collect(),
        _ => return Err(TokenFault::Signature),
    };
    // Time is checked below, by our own clock.
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims = ["exp", "sub"].map(str::to_owned).into();
    let mut fault = TokenFault::Signature;
    for key in &keys {
        match decode::<FullClaims>(token, key, &validation) {
            Ok(data) => return data.claims.check(endpoint, now),
            Err(error) if !matches!(error.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature) => {
                fault = TokenFault::Malformed;
            }
            Err(_) => {}
        }
    }
    Err(fault)
}

/// Whether a key of a set may check a token of this algorithm.
fn fits(key: &Jwk, algorithm: Algorithm, kid: Option<&str>) -> bool {
    let family = match &key.algorithm {
        AlgorithmParameters::OctetKeyPair(_) => algorithm == Algorithm::EdDSA,
        AlgorithmParameters::RSA(_) => algorithm == Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(_) => algorithm == Algorithm::ES256,
        _ => false,
    };
    family && kid.is_none_or(|kid| key.common.key_id.as_deref().is_none_or(|id| id == kid))
}

#[derive(Deserialize)]
struct FullClaims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl FullClaims {
    fn check(self, endpoint: &endpoint::Model, now: DateTime<Utc>) -> Result<Claims, TokenFault> {
        let now = now.timestamp();
        let leeway = LEEWAY.cast_signed();
        if self.sub.is_empty() || self.sub.len() > 256 {
            return Err(TokenFault::Malformed);
        }
        if self.exp + leeway <= now {
            return Err(TokenFault::Expired);
        }
        let ours = |name: &String| {
            *name == endpoint.id.to_string() || *name == endpoint.slug || *name == endpoint.app_key
        };
        let for_us = self.aud.is_none_or(|audience| match audience {
            Audience::One(name) => ours(&name),
            Audience::Many(names) => names.iter().any(ours),
        });
        if !for_us || self.nbf.is_some_and(|nbf| nbf > now + leeway) {
            return Err(TokenFault::NotForHere);
        }
        Ok(Claims {
            sub: self.sub,
            exp: self.exp,
        })
    }
}
