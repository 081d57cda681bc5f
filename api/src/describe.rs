//! The API's own description: OpenAPI as JSON, and as a page to read.

use std::{collections::HashMap, sync::LazyLock};

use poem::{
    Response,
    endpoint::BoxEndpoint,
    handler,
    http::{Method, header},
};
use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaApi, Registry},
};
use serde_json::Value;

use crate::{operations::Operations, pages};

/// The operations without the state they need to run: enough to be described.
struct Described;

impl OpenApi for Described {
    fn meta() -> Vec<MetaApi> {
        Operations::meta()
    }

    fn register(registry: &mut Registry) {
        Operations::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// The description of everything on the port, OpenAPI 3.1: what poem-openapi says of the operations, mended, and what
/// it cannot say added (see the crate `openapi`).
pub fn description() -> Value {
    let service = OpenApiService::new(Described, "Weir", env!("CARGO_PKG_VERSION")).server("/api/v1");
    openapi::publish(&service.spec())
}

/// See [`description`].
pub(crate) static DESCRIPTION: LazyLock<Value> = LazyLock::new(description);
static JSON: LazyLock<String> = LazyLock::new(|| DESCRIPTION.to_string());
static REFERENCE: LazyLock<String> = LazyLock::new(|| openapi::reference(&DESCRIPTION));

/// The description as JSON.
#[handler]
pub fn openapi_json() -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .body(JSON.as_str())
}

/// The description as a page.
#[handler]
pub fn reference() -> Response {
    let mut response = Response::builder()
        .content_type("text/html; charset=utf-8")
        .body(REFERENCE.as_str());
    pages::secure(&mut response);
    response
}

/// The page's style.
#[handler]
pub fn reference_style() -> Response {
    Response::builder()
        .content_type("text/css")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(openapi::REFERENCE_STYLE)
}
