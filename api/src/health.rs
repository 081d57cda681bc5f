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
    let ready = store && vault && journal && !going;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body =
        json!({ "ready": ready, "store": store, "vault": vault, "journal": journal, "draining": going });
    Json(body).with_status(status).into_response()
}

/// Metrics in the text format of Prometheus.
#[handler]
pub fn metrics(Data(state): Data<&State>) -> Response {
    Response::builder()
        .content_type("text/plain; version=0.0.4")
        .body((state.settings.metrics)())
}
