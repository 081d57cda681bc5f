//! The API: routes, caller, problem+json, the WebSocket door. Thin: a handler authorises, opens a transaction, calls the
//! domain, saves and maps the answer. `docs/adding-an-endpoint.md` walks through one.

#![expect(unreachable_pub, reason = "modules are private; `pub` inside them means `for the rest of the crate`")]

mod account;
mod api_keys;
mod audit;
mod body;
mod caller;
mod channels;
mod connections;
mod consents;
mod data_types;
mod describe;
mod door;
mod endpoints;
mod gatekeeper;
mod health;
mod idempotency;
mod invitations;
mod jobs;
pub mod jwks;
pub mod limits;
mod log;
mod mailbox;
mod members;
mod messages;
mod notices;
mod pages;
mod portal;
mod portal_caller;
mod problem;
mod publish;
mod purposes;
pub mod relays;
mod request_context;
mod requests;
mod responses;
mod retention;
mod retention_rules;
pub mod server;
mod sign_ins;
pub mod state;
mod subjects;
mod tags;
mod tenant;
mod versions;
mod withdrawal;

use poem::{Endpoint, EndpointExt, Response, Route, endpoint::make_sync, get, http::StatusCode};
use poem_openapi::OpenApiService;

pub use describe::description;
pub use gatekeeper::{Gatekeeper, JournalKeeper, RegistryKeeper};
use state::State;

/// Who signs in, and for whom.
type SignInOperations = (
    account::AccountApi,
    sign_ins::SignInsApi,
    tenant::TenantApi,
    members::MembersApi,
    invitations::InvitationsApi,
    api_keys::ApiKeysApi,
);

fn sign_in_operations(state: &State) -> SignInOperations {
    (
        account::AccountApi(state.clone()),
        sign_ins::SignInsApi(state.clone()),
        tenant::TenantApi(state.clone()),
        members::MembersApi(state.clone()),
        invitations::InvitationsApi(state.clone()),
        api_keys::ApiKeysApi(state.clone()),
    )
}

/// What is declared, and who consents.
type DeclaredOperations = (
    data_types::DataTypesApi,
    purposes::PurposesApi,
    notices::NoticesApi,
    retention_rules::RetentionRulesApi,
    subjects::SubjectsApi,
    consents::ConsentsApi,
);

fn declared_operations(state: &State) -> DeclaredOperations {
    (
        data_types::DataTypesApi(state.clone()),
        purposes::PurposesApi(state.clone()),
        notices::NoticesApi(state.clone()),
        retention_rules::RetentionRulesApi(state.clone()),
        subjects::SubjectsApi(state.clone()),
        consents::ConsentsApi(state.clone()),
    )
}

/// What passed, who was there, and how long either is kept.
type RecordedOperations =
    (retention::RetentionApi, connections::ConnectionsApi, channels::ChannelsApi, messages::MessagesApi);

fn recorded_operations(state: &State) -> RecordedOperations {
    (
        retention::RetentionApi(state.clone()),
        connections::ConnectionsApi(state.clone()),
        channels::ChannelsApi(state.clone()),
        messages::MessagesApi(state.clone()),
    )
}

/// What data subjects ask for, and the work behind it.
type RightsOperations = (requests::RequestsApi, portal::PortalApi, jobs::JobsApi);

fn rights_operations(state: &State) -> RightsOperations {
    (requests::RequestsApi(state.clone()), portal::PortalApi::new(state.clone()), jobs::JobsApi(state.clone()))
}

/// All operations, in the chapters of the description. A new resource gets its line here.
type Operations = (
    SignInOperations,
    DeclaredOperations,
    RecordedOperations,
    RightsOperations,
    endpoints::EndpointsApi,
    publish::PublishApi,
    audit::AuditApi,
);

fn operations(state: &State) -> Operations {
    (
        sign_in_operations(state),
        declared_operations(state),
        recorded_operations(state),
        rights_operations(state),
        endpoints::EndpointsApi(state.clone()),
        publish::PublishApi(state.clone()),
        audit::AuditApi(state.clone()),
    )
}

/// Everything on the one port.
pub fn app(state: State) -> impl Endpoint<Output = Response> {
    let service = OpenApiService::new(operations(&state), "Weir", env!("CARGO_PKG_VERSION"));
    let rest = Route::new().nest("/", service).with(idempotency::Idempotent).with(limits::RateLimited);
    Route::new()
        .nest("/api/v1", rest)
        .at("/api/openapi.json", get(describe::openapi_json))
        .at("/api/docs", get(describe::reference))
        .at("/api/docs.css", get(describe::reference_style))
        .at("/connect/:tenant/:endpoint", get(door::connect))
        .at("/log/:tenant/checkpoint", get(log::checkpoint))
        .at("/log/:tenant/tile/*path", get(log::tile))
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/metrics", get(health::metrics))
        .at("/mailbox", get(mailbox::list))
        .at("/mailbox/:name", get(mailbox::read))
        .nest("/assets", pages::Assets)
        .nest("/console", pages::Application("console"))
        .nest("/privacy", pages::Application("privacy"))
        .at("/", make_sync(|_| to_console()))
        .with(request_context::WithRequestContext(state))
}

fn to_console() -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header("location", "/console/").finish()
}
