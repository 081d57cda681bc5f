//! Connection tokens as a tenant's back end makes them, good and bad.

use std::time::SystemTime;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Keys that exist for these tests and open nothing: a pair in PEM (PKCS #8), and the public half as a JSON Web Key.
pub mod keys {
    /// Ed25519.
    pub const ED25519: &str = include_str!("../data/ed25519.pem");
    /// Its public half.
    pub const ED25519_JWK: &str = include_str!("../data/ed25519.jwk.json");
    /// RSA, 2048 bits.
    pub const RSA: &str = include_str!("../data/rsa.pem");
    /// Its public half.
    pub const RSA_JWK: &str = include_str!("../data/rsa.jwk.json");
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a token for a real server carries the real time"
)]
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is later than 1970");
    since.as_secs().cast_signed()
}

/// What a good token of an hour says.
pub fn claims(sub: &str) -> Value {
    json!({ "sub": sub, "iat": now(), "exp": now() + 3600 })
}

/// Signed with an endpoint's secret.
pub fn hs256(secret: &str, claims: &Value) -> String {
    encode(
        Algorithm::HS256,
        None,
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
}

/// Signed with [`keys::ED25519`].
pub fn eddsa(claims: &Value) -> String {
    let key = EncodingKey::from_ed_pem(keys::ED25519.as_bytes()).expect("a key in PEM");
    encode(Algorithm::EdDSA, Some("ed"), claims, &key)
}

/// Signed with [`keys::RSA`].
pub fn rs256(claims: &Value) -> String {
    let key = EncodingKey::from_rsa_pem(keys::RSA.as_bytes()).expect("a key in PEM");
    encode(Algorithm::RS256, Some("rsa"), claims, &key)
}

/// A key set with both public halves.
pub fn key_set() -> Value {
    let parse = |text| serde_json::from_str::<Value>(text).expect("a JSON Web Key");
    json!({ "keys": [parse(keys::ED25519_JWK), parse(keys::RSA_JWK)] })
}

fn encode(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let header = Header {
        kid: kid.map(Into::into),
        ..Header::new(algorithm)
    };
    jsonwebtoken::encode(&header, claims, key).expect("claims can be signed")
}
