//! What is in effect, for `weir doctor`: every key, its value without secrets, and its origin.

use toml::Value;
use url::Url;
use vault::redact::REDACTED;

use super::{Layers, Origin};

/// Keys whose whole value is a secret.
const SECRETS: &[&str] = &["root_key", "old_root_key"];
/// Keys whose value is an address that may hold a password.
const ADDRESSES: &[&str] = &[
    "database_url",
    "database_owner_url",
    "vault_url",
    "vault_owner_url",
    "redis_url",
    "smtp_url",
];

impl Layers {
    /// Every key with its value, secrets left out, and its origin. Keys at the top come first.
    pub(crate) fn effective(&self) -> Vec<(&str, String, &Origin)> {
        let mut rows: Vec<_> = self
            .values
            .iter()
            .map(|(key, (value, origin))| (key.as_str(), shown(key, value), origin))
            .collect();
        rows.sort_by_key(|(key, ..)| key.contains('.'));
        rows
    }
}

fn shown(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) if text.trim().is_empty() => "not set".to_owned(),
        Value::String(_) if SECRETS.contains(&key) => REDACTED.to_owned(),
        Value::String(text) if ADDRESSES.contains(&key) => redact_url(text),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An address without password and query, which may both be secret.
pub(crate) fn redact_url(text: &str) -> String {
    let parts: Vec<&str> = text.split(',').collect();
    // Several servers of a Redis Cluster, each with its secret.
    if parts.len() > 1 && parts.iter().all(|part| part.contains("://")) {
        return parts.into_iter().map(redact_one).collect::<Vec<_>>().join(",");
    }
    redact_one(text)
}

fn redact_one(text: &str) -> String {
    let Ok(mut url) = text.trim().parse::<Url>() else {
        // Not an address: then nobody knows where in it the secret is.
        return REDACTED.to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return REDACTED.to_owned();
    }
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
