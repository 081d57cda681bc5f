//! The API: routes, caller, problem+json, the WebSocket door. Thin: a handler authorises, opens a transaction, calls the
//! domain, saves and maps the answer. `docs/adding-an-endpoint.md` walks through one.

#![expect(
    unreachable_pub,
    reason = "modules are private; `pub` inside them means `for the rest of the crate`"
)]

mod account;
mod anonymised_messages;
mod api_keys;
mod apps;
mod audit;
mod balances;
mod body;
mod callbacks;
mod caller;
mod calls;
mod channels;
mod connections;
mod consent_imports;
mod consents;
mod credential;
mod data_types;
mod describe;
mod door;
mod doors;
mod dpias;
mod endpoints;
mod gatekeeper;
mod gpc;
mod happenings;
mod health;
mod history;
mod holds;
mod household;
mod idempotency;
mod incidents;
mod invitations;
mod jobs;
mod jurisdictions;
pub mod jwks;
pub mod limits;
mod log;
mod log_witnesses;
mod mailbox;
mod mails;
mod members;
mod messages;
mod meters;
mod notices;
mod opendsr;
mod operations;
mod pages;
mod parameters;
pub mod pools;
mod portal;
mod portal_caller;
mod problem;
mod processing_records;
mod publish;
mod purposes;
pub mod relays;
mod reports;
mod request_context;
mod requests;
mod responses;
mod retention;
mod retention_changes;
mod retention_rules;
pub mod server;
mod session_messages;
mod sign_ins;
pub mod signing;
pub mod state;
mod subjects;
mod tags;
mod tenant;
mod tenant_key;
pub mod upstreams;
mod versions;
mod webhooks;
mod withdrawal;
pub mod witness;

use poem::{Endpoint, EndpointExt, Response, Route, endpoint::make_sync, get, http::StatusCode};
use poem_openapi::OpenApiService;

pub use describe::description;
use doors::Doors;
pub use gatekeeper::{Gatekeeper, JournalKeeper, RegistryKeeper};
pub use history::HistoryKeeper;
pub use household::Household;
pub use meters::SocketMeters;
use state::State;

/// Everything on the one port.
pub fn app(state: State) -> impl Endpoint<Output = Response> {
    let service = OpenApiService::new(operations::all(&state), "Weir", env!("CARGO_PKG_VERSION"));
    let rest = Route::new()
        .nest("/", service)
        .with(parameters::Known)
        .with(idempotency::Idempotent)
        .with(limits::RateLimited);
    let routes = Route::new()
        .nest("/api/v1", rest)
        .at("/api/openapi.json", get(describe::openapi_json))
        .at("/api/docs", get(describe::reference))
        .at("/api/docs.css", get(describe::reference_style))
        .at("/connect/:tenant/:endpoint", get(door::connect))
        .at("/log/:tenant/checkpoint", get(log::checkpoint))
        .at("/log/:tenant/tile/*path", get(log::tile))
        .nest("/opendsr", opendsr::routes().with(limits::RateLimited))
        .at("/.well-known/gpc.json", get(gpc::statement))
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/metrics", get(health::metrics))
        .at("/mailbox", get(mailbox::list))
        .at("/mailbox/:name", get(mailbox::read))
        .nest("/assets", pages::Assets)
        .nest("/console", pages::Application("console"))
        .nest("/privacy", pages::Application("privacy"))
        .at("/", make_sync(|_| to_console()))
        .with(request_context::WithRequestContext(state.clone()));
    Doors::before(routes, state)
}

fn to_console() -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header("location", "/console/")
        .finish()
}
