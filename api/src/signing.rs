//! What the Pusher clients and back ends of an endpoint sign with, ready to be used: made from the picture in memory when
//! first asked for, and again when the picture is another one. A rotation reads the picture again before it is answered,
//! so the new secret is known here from then on; the one before it goes when its day is over.

use std::{collections::HashMap, sync::Arc};

use broker::host::Signing;
use chrono::{DateTime, Utc};
use domain::pictures::Endpoint;
use entity::id::EndpointId;
use parking_lot::RwLock;
use ring::hmac;

/// Endpoints that are remembered at most; beyond it all are made anew. One is a few hundred bytes.
const MAX: usize = 50_000;

/// Signing keys by endpoint.
#[derive(Default)]
pub struct Signings(RwLock<HashMap<EndpointId, Ready>>);

struct Ready {
    /// Made from exactly this: a changed endpoint is another one.
    from: Arc<Endpoint>,
    /// When a secret stops being accepted.
    until: Option<DateTime<Utc>>,
    signing: Arc<Signing>,
}

impl Signings {
    /// The keys of an endpoint; none when it has no secret that opens.
    pub fn of(&self, endpoint: &Arc<Endpoint>, now: DateTime<Utc>) -> Option<Arc<Signing>> {
        let id = endpoint.row.id;
        if let Some(ready) = self.0.read().get(&id)
            && Arc::ptr_eq(&ready.from, endpoint)
            && ready.until.is_none_or(|until| now < until)
        {
            return Some(Arc::clone(&ready.signing));
        }
        let secrets: Vec<_> = endpoint
            .secrets(now)
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
            .collect();
        if secrets.is_empty() {
            return None;
        }
        let signing = Arc::new(Signing {
            key: endpoint.row.app_key.as_str().into(),
            secrets,
        });
        let ready = Ready {
            from: Arc::clone(endpoint),
            until: endpoint.row.previous_secret_until.filter(|until| now < *until),
            signing: Arc::clone(&signing),
        };
        let mut known = self.0.write();
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(id, ready);
        Some(signing)
    }
}
