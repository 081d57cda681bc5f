//! Operations: is it alive, can it work, how is it doing.

use std::sync::atomic::Ordering;

use poem::{
    IntoResponse, Response, handler,
    http::StatusCode,
    web::{Data, Json},
};
use serde_json::json;

use crate::state::State;

/// The process runs.
#[handler]
pub fn healthz() -> &'static str {
    "ok\n"
}

/// It can do its work: the stores answer and it is not going.
#[handler]
pub async fn readyz(Data(state): Data<&State>) -> Response {
    let going = state.going.load(Ordering::Acquire);
    let store = state.ctx.store.ping().await.is_ok();
    let vault = state.ctx.keys.store().ping().await.is_ok();
    let journal = state.journal.is_running();
    // Cut off from the other nodes it works all the same, as long as it can read what they changed.
    let company = state.broker.company();
    let serving = company.as_ref().is_none_or(|company| company.serving);
    let backplane = company.as_ref().map(|company| company.connected);
    let ready = store && vault && journal && serving && !going;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut body =
        json!({ "ready": ready, "store": store, "vault": vault, "journal": journal, "draining": going });
    if let (Some(company), Some(backplane)) = (company, backplane) {
        body["backplane"] = backplane.into();
        body["serving"] = serving.into();
        body["nodes"] = (company.others.len() + 1).into();
        body["degraded"] = if backplane {
            json!([])
        } else {
            json!(["backplane"])
        };
    }
    Json(body).with_status(status).into_response()
}

/// Metrics in the text format of Prometheus.
#[handler]
pub fn metrics(Data(state): Data<&State>) -> Response {
    Response::builder()
        .content_type("text/plain; version=0.0.4")
        .body((state.settings.metrics)())
}
