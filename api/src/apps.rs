//! The HTTP API of the Pusher protocol: `/apps/{app_id}/…`, signed with the endpoint's secret, as the SDKs for back ends
//! speak it. It publishes through the same gate and journal as everything else.
//!
//! It is the hot way in, so it stands before the routes of the REST API: a call reads the body once, asks the memory, and
//! writes its answer by hand. Errors are one line of text, which is what those SDKs show.

mod answer;
mod body;
mod events;
mod queries;
mod route;

use std::time::Instant;

use domain::{
    idempotency::{self, Answer, Begin},
    pictures::{self, App, AppName},
};
use poem::{
    Request, Response,
    http::{Method, StatusCode},
};
use ring::digest::{SHA256, digest};
use url::form_urlencoded;

use self::{
    answer::{Fault, Reply},
    route::Route,
};
use crate::{idempotency::Outcome, limits::client_address, state::State};

/// The longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// Answers a call below `/apps/`.
pub async fn call(mut req: Request, state: &State) -> Response {
    let started = Instant::now();
    let path = req.uri().path().to_owned();
    let (route, reply) = match route::parse(req.method(), &path) {
        Ok((app_id, route)) => (route.name(), run(&mut req, state, &path, app_id, &route).await),
        Err(fault) => ("none", Err(fault)),
    };
    let response = answer::respond(reply);
    let status = response.status().as_u16();
    metrics::counter!("weir_app_requests_total", "route" => route, "status" => answer::status_label(status))
        .increment(1);
    metrics::histogram!("weir_app_request_seconds").record(started.elapsed().as_secs_f64());
    // Neither the path nor the query: they name channels and users, and carry signatures.
    tracing::debug!(route, status, "answered an application's request");
    response
}

async fn run(
    req: &mut Request,
    state: &State,
    path: &str,
    app_id: Option<&str>,
    route: &Route<'_>,
) -> Result<Reply, Fault> {
    let body = body::read(req).await?;
    let query = req.uri().query().unwrap_or_default();
    let app = match authenticate(state, req.method(), path, query, &body, app_id).await {
        Ok(app) => app,
        Err(fault) if fault.is_strangers() => {
            let address = client_address(req, state.settings.trust_forwarded);
            return Err(match state.limits.stranger(address) {
                Ok(()) => fault,
                Err(retry_after) => Fault::too_often(retry_after),
            });
        }
        Err(fault) => return Err(fault),
    };
    if !app.endpoint.row.enabled {
        return Err(Fault::new(StatusCode::FORBIDDEN, "the application is disabled"));
    }
    match route {
        Route::Events | Route::BatchEvents => {
            let publish = async || match route {
                Route::Events => events::one(state, &app, &body).await,
                _ => events::batch(state, &app, &body).await,
            };
            match req.header("idempotency-key") {
                None => publish().await,
                Some(key) => once(state, &app, path, key, &body, publish).await,
            }
        }
        Route::Channels => queries::channels(state, &app, query).await,
        Route::Channel(name) => queries::channel(state, &app, name, query).await,
        Route::Users(name) => queries::users(state, &app, name).await,
        Route::TerminateConnections(user) => {
            let row = &app.endpoint.row;
            state.broker.terminate_user(row.tenant_id.0, row.id.0, user).await;
            Ok(Reply::Nothing)
        }
    }
}

/// Finds the application, and believes or refuses the signature.
async fn authenticate(
    state: &State,
    method: &Method,
    path: &str,
    query: &str,
    body: &[u8],
    app_id: Option<&str>,
) -> Result<App, Fault> {
    let key = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "auth_key");
    let name = match (app_id, &key) {
        (Some(id), _) => AppName::Id(id),
        // The Python SDK leaves the application out of the path where it ends a user's connections.
        (None, Some((_, key))) => AppName::Key(key),
        (None, None) => return Err(Fault::new(StatusCode::UNAUTHORIZED, "the query has no auth_key")),
    };
    let app = pictures::app(&state.ctx, name).await?;
    let app = app.filter(|app| app.endpoint.row.kind == entity::endpoint::EndpointKind::Channel);
    let app = app.ok_or(Fault::new(StatusCode::NOT_FOUND, "there is no such application"))?;
    let now = state.ctx.now();
    let signing = state.signings.of(&app.endpoint, now);
    let signing = signing.ok_or(Fault::new(StatusCode::UNAUTHORIZED, "nothing is accepted here"))?;
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    broker::pusher::signature::verify_request(&signing, method.as_str(), path, query, body, seconds)
        .map_err(|fault| Fault::new(StatusCode::UNAUTHORIZED, fault.to_string()))?;
    Ok(app)
}

/// Does a thing once for each key, however often the request arrives.
async fn once(
    state: &State,
    app: &App,
    path: &str,
    key: &str,
    body: &[u8],
    publish: impl AsyncFnOnce() -> Result<Reply, Fault>,
) -> Result<Reply, Fault> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Fault::bad("an Idempotency-Key has 1 to 255 characters"));
    }
    let name = format!("app\n{path}\n{key}");
    let begun = idempotency::begin(&state.ctx, &app.scope(), sha256(name.as_bytes()), sha256(body)).await?;
    let ticket = match begun {
        Begin::New(ticket) => ticket,
        Begin::Replay(answer) => return Ok(Reply::Again(answer.body)),
        Begin::InProgress => {
            let detail = "a request with this Idempotency-Key is still running; wait and repeat it";
            return Err(Fault::new(StatusCode::CONFLICT, detail));
        }
        Begin::Reused => {
            let detail = "this Idempotency-Key was used with another body; take a new one";
            return Err(Fault::bad(detail));
        }
    };
    let reply = publish().await;
    // What was refused left nothing behind, so it may be tried again under the same key.
    let answer = reply.as_ref().ok().map(|reply| Answer {
        status: StatusCode::OK.as_u16(),
        headers: Vec::new(),
        body: reply.as_str().to_owned(),
    });
    Outcome { ticket, answer }.settle(state).await;
    reply
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
