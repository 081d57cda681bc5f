//! What poem-openapi cannot describe: the WebSocket door and the public paths beside `/api/v1`.
#![expect(dead_code, reason = "these functions carry descriptions; nobody calls them")]

use serde_json::{Value, json};
use utoipa::OpenApi;

/// Their description. Paths are relative to the server, so each says its own.
pub(crate) fn description() -> Value {
    let mut document = serde_json::to_value(Outside::openapi()).unwrap_or_default();
    if let Some(object) = document.as_object_mut() {
        object.remove("openapi");
        object.remove("info");
    }
    // poem-openapi's paths hang on `/api/v1`; these hang on the root.
    if let Some(paths) = document["paths"].as_object_mut() {
        for path in paths.values_mut() {
            path["servers"] = json!([{ "url": "/" }]);
        }
    }
    document["tags"] =
        json!([{ "name": "Sockets", "description": "Where end-users connect, and what anybody may read." }]);
    document
}

#[derive(OpenApi)]
#[openapi(paths(connect, checkpoint, tile, healthz, readyz, metrics))]
struct Outside;

/// Connect an end-user.
///
/// A WebSocket. On a `channel` endpoint every frame is published on the endpoint's channel `main` and reaches everybody
/// else there, as it is. On a `relay` endpoint frames pass to and from a socket of the tenant's back end, as they are.
/// The token is a JWT whose `sub` is the person: HS256 with the endpoint's secret, or EdDSA, ES256 or RS256 with a key of
/// its key set. Close codes say whether to come back: 40xx no, 41xx later, 42xx now (docs/protocol.md).
#[utoipa::path(
    get, path = "/connect/{tenant}/{endpoint}", operation_id = "connect", tag = "Sockets",
    params(
        ("tenant" = String, Path, description = "The tenant's slug."),
        ("endpoint" = String, Path, description = "The endpoint's slug."),
        ("token" = Option<String>, Query, description = "The connection token. Or offer the subprotocol `weir.token.<jwt>`."),
    ),
    responses(
        (status = 101, description = "The socket is open. What is wrong with the caller is said with a close code."),
        (status = 400, description = "Not a WebSocket handshake."),
        (status = 403, description = "The page is not on the endpoint's allowed_origins."),
        (status = 426, description = "Not an upgrade, or not version 13."),
    ),
)]
fn connect() {}

/// The newest checkpoint of a tenant's log.
///
/// A signed note (c2sp.org/tlog-checkpoint). The verifier key is told by `read_log`.
#[utoipa::path(
    get, path = "/log/{tenant}/checkpoint", operation_id = "read_checkpoint", tag = "Sockets",
    params(("tenant" = String, Path, description = "The tenant's slug.")),
    responses((status = 200, description = "The checkpoint.", content_type = "text/plain", body = String), (status = 404, description = "No such log.")),
)]
fn checkpoint() {}

/// A tile of a tenant's log.
///
/// `<level>/<index>[.p/<width>]` or `entries/<index>[.p/<width>]` (c2sp.org/tlog-tiles).
#[utoipa::path(
    get, path = "/log/{tenant}/tile/{path}", operation_id = "read_tile", tag = "Sockets",
    params(("tenant" = String, Path, description = "The tenant's slug."), ("path" = String, Path, description = "Which tile.")),
    responses((status = 200, description = "Hashes or entries.", content_type = "application/octet-stream"), (status = 404, description = "No such tile.")),
)]
fn tile() {}

/// Whether the process runs.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "Sockets", responses((status = 200, description = "It does.")))]
fn healthz() {}

/// Whether it can do its work.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "Sockets",
    responses((status = 200, description = "It can."), (status = 503, description = "A part does not answer, or the process is going.")),
)]
fn readyz() {}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "Sockets", responses((status = 200, description = "Metrics.", content_type = "text/plain", body = String)))]
fn metrics() {}
