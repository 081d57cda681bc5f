//! Calls to back ends without sockets: what happens on a session of a relay with `pool_mode: "webhook"` is posted to its `upstream_url`, signed
//! as webhooks are. The broker says what to tell, and in which order; here is how. See docs/protocol.md.

mod answer;
mod lines;

use std::{borrow::Cow, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use broker::{
    called::{Answered, CallFault, Callee, Told},
    host::{Opcode, Payload},
};
use domain::{pictures, webhooks::signing};
use entity::id::EndpointId;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::{answer::payload, lines::Lines};
use crate::state::State;

/// Pauses before a call is made again that came to nothing; half of each is left to chance.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// What one session's back end is told through.
pub(crate) struct Calls {
    state: State,
    endpoint: EndpointId,
    session: Uuid,
    /// Who it is, as back ends that share sockets are told too.
    about: Value,
}

impl Calls {
    pub(crate) fn new(state: &State, endpoint: EndpointId, session: Uuid, about: Value) -> Self {
        Self {
            state: state.clone(),
            endpoint,
            session,
            about,
        }
    }

    fn body(&self, told: &[Told]) -> Vec<u8> {
        let mut body = json!({
            "time_ms": self.state.ctx.now().timestamp_millis(),
            "events": told.iter().map(event).collect::<Vec<_>>(),
        });
        if let (Some(body), Some(about)) = (body.as_object_mut(), self.about.as_object()) {
            body.extend(about.clone());
        }
        body.to_string().into_bytes()
    }

    async fn call(&self, told: Vec<Told>) -> Result<Answered, CallFault> {
        let begins = matches!(told.first(), Some(Told::Connected));
        let body = self.body(&told);
        let call: Uuid = self.state.ctx.ids.next::<entity::id::WebhookDeliveryId>().0;
        // Who waits at the door is not kept waiting: a client comes back by itself.
        let mut pauses = PAUSES.iter().take(if begins { 0 } else { PAUSES.len() });
        loop {
            let posted = self.post(&call.to_string(), &body).await;
            let outcome = match posted {
                Ok((status @ 200..=299, bytes)) => {
                    let answered = answer::read(status, &bytes);
                    let word = if answered.is_some() {
                        "answered"
                    } else {
                        "malformed"
                    };
                    metrics::counter!("weir_calls_total", "outcome" => word).increment(1);
                    return answered.ok_or(CallFault);
                }
                Ok((429 | 500..=599, _)) | Err(Trouble::Passing) => "failed",
                Ok(_) | Err(Trouble::Lasting) => {
                    metrics::counter!("weir_calls_total", "outcome" => "refused").increment(1);
                    return Err(CallFault);
                }
            };
            metrics::counter!("weir_calls_total", "outcome" => outcome).increment(1);
            let Some(pause) = pauses.next() else {
                tracing::debug!(endpoint.id = %self.endpoint, session = %self.session, "a back end could not be called");
                return Err(CallFault);
            };
            let chance = f64::from(vault::chance::bytes::<1>(&*self.state.ctx.chance)[0]) / 256.0;
            tokio::time::sleep(pause.mul_f64(0.5 + chance / 2.0)).await;
        }
    }

    /// One attempt: the status, and what was said with it. The id stays the same over all of them.
    async fn post(&self, call: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Trouble> {
        let ctx = &self.state.ctx;
        let picture = ctx.pictures.get(self.endpoint).ok_or(Trouble::Lasting)?;
        let endpoint = picture.endpoint(self.endpoint).ok_or(Trouble::Lasting)?;
        if !self.state.relays.is_usable(&endpoint.row) {
            return Err(Trouble::Lasting);
        }
        let now = ctx.now();
        let secrets: Vec<&str> = endpoint.secrets(now).collect();
        let headers = signing::by_endpoint(&endpoint.row.app_key, &secrets, call, now, body);
        self.state
            .relays
            .lines()
            .post(
                self.state.relays.egress(),
                endpoint,
                &headers,
                body,
                ctx.settings.webhooks.timeout(),
            )
            .await
    }
}

/// Why a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It may be better soon.
    Passing,
    /// It will not.
    Lasting,
}

impl Callee for Calls {
    fn tell(&self, told: Vec<Told>) -> BoxFuture<'_, Result<Answered, CallFault>> {
        Box::pin(self.call(told))
    }
}

/// One event, in the words of webhooks.
fn event(told: &Told) -> Value {
    match told {
        Told::Connected => json!({ "name": "connected" }),
        Told::Message(payload) => message(payload),
        Told::Disconnected(close) => json!({
            "name": "disconnected", "code": close.code, "reason": close.reason,
        }),
    }
}

fn message(payload: &Payload) -> Value {
    match payload.opcode {
        Opcode::Text => {
            let text: Cow<'_, str> = String::from_utf8_lossy(&payload.bytes);
            json!({ "name": "message", "data": text })
        }
        Opcode::Binary => json!({ "name": "message", "base64": STANDARD.encode(&payload.bytes) }),
    }
}

/// Whether an endpoint's back end is called.
pub(crate) fn is_called(endpoint: &pictures::Endpoint) -> bool {
    endpoint.row.pool_mode == entity::endpoint::PoolMode::Webhook
}
