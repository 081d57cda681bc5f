//! The door for OpenDSR 2.0: `/opendsr/{tenant}/…`. A controller's systems come here with an API key of the tenant's, and
//! every answer to them is signed. Requests by the names that the specification had before (OpenGDPR, OpenCompliance) are
//! answered under those names too, as its section on migration demands.

use domain::{
    authentication,
    error::{Error, Result as DomainResult},
    opendsr::{self, Refusal},
    permissions::Permission,
    tenancy::TenantScope,
};
use entity::tenant;
use poem::{
    Body, IntoResponse, Request, Response, Route, get, handler,
    http::{StatusCode, header},
    web::{Data, Path},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{caller::CARRIER, problem::ApiError, state::State};

/// The largest request.
const MAX_BODY: usize = 64 << 10;

/// Names of the protocol: that of the path, and of the headers.
const NAMES: [(&str, &str); 4] = [
    ("requests", "opendsr"),
    ("opendsr_requests", "opendsr"),
    ("opengdpr_requests", "opengdpr"),
    ("opencompliance_requests", "opencompliance"),
];

/// Below `/opendsr`.
pub fn routes() -> Route {
    let mut routes = Route::new();
    // The specification wants the major version in front, and shows its examples without.
    for version in ["", "/v2"] {
        routes = routes
            .at(format!("/:tenant{version}/discovery"), get(discovery))
            .at(format!("/:tenant{version}/certificate.pem"), get(certificate));
        for (name, _) in NAMES {
            routes = routes
                .at(format!("/:tenant{version}/{name}"), poem::post(create))
                .at(format!("/:tenant{version}/{name}/:id"), get(read).delete(cancel));
        }
    }
    routes
}

/// What a controller is told: the status, and the body that is signed.
type Told = (StatusCode, Value);

#[handler]
async fn discovery(req: &Request, Path(slug): Path<String>, Data(state): Data<&State>) -> Response {
    let tenant = match opendsr::open(&state.ctx, &slug).await {
        Ok(tenant) => tenant,
        Err(error) => return unsigned(&error),
    };
    let body = opendsr::discovery(&state.ctx, &tenant);
    let scope = domain::portal::stranger(&state.ctx, &slug).await;
    answer(req, state, scope, Ok((StatusCode::OK, body))).await
}

#[handler]
async fn certificate(Path(slug): Path<String>, Data(state): Data<&State>) -> Response {
    let found = async {
        opendsr::open(&state.ctx, &slug).await?;
        let scope = domain::portal::stranger(&state.ctx, &slug).await?;
        opendsr::certificate(&state.ctx, &scope).await
    };
    match found.await {
        Ok(pem) => Response::builder()
            .content_type("application/x-pem-file")
            .header(header::CACHE_CONTROL, "public, max-age=3600")
            .body(pem),
        Err(error) => unsigned(&error),
    }
}

#[handler]
async fn create(req: &Request, body: Body, Path(slug): Path<String>, Data(state): Data<&State>) -> Response {
    let scope = controller(req, state, &slug, Permission::RequestsWrite).await;
    let told = match &scope {
        Err(_) => Err(Refusal::Other(Error::Unauthenticated)),
        Ok(scope) => match body.into_bytes_limit(MAX_BODY).await {
            Ok(raw) => opendsr::create(&state.ctx, scope, &raw)
                .await
                .map(|body| (StatusCode::CREATED, body)),
            Err(_) => Err(Refusal::Invalid(vec![(
                "malformed",
                "the body is incomplete or larger than 64 KiB".to_owned(),
            )])),
        },
    };
    state.nudge.notify_one();
    answer(req, state, scope, told).await
}

#[handler]
async fn read(
    req: &Request,
    Path((slug, id)): Path<(String, String)>,
    Data(state): Data<&State>,
) -> Response {
    let scope = controller(req, state, &slug, Permission::RequestsRead).await;
    let told = match (&scope, named(&id)) {
        (Ok(scope), Ok(id)) => opendsr::status(&state.ctx, scope, id)
            .await
            .map(|body| (StatusCode::OK, body))
            .map_err(Refusal::Other),
        (_, Err(error)) => Err(Refusal::Other(error)),
        (Err(_), _) => Err(Refusal::Other(Error::Unauthenticated)),
    };
    answer(req, state, scope, told).await
}

#[handler]
async fn cancel(
    req: &Request,
    Path((slug, id)): Path<(String, String)>,
    Data(state): Data<&State>,
) -> Response {
    let scope = controller(req, state, &slug, Permission::RequestsWrite).await;
    let told = match (&scope, named(&id)) {
        (Ok(scope), Ok(id)) => opendsr::cancel(&state.ctx, scope, id)
            .await
            .map(|body| (StatusCode::ACCEPTED, body)),
        (_, Err(error)) => Err(Refusal::Other(error)),
        (Err(_), _) => Err(Refusal::Other(Error::Unauthenticated)),
    };
    state.nudge.notify_one();
    answer(req, state, scope, told).await
}

fn named(id: &str) -> DomainResult<Uuid> {
    id.parse().map_err(|_| Error::NotFound { what: "request" })
}

/// The controller whose door this is. Somebody else's credential finds no door.
async fn controller(
    req: &Request,
    state: &State,
    slug: &str,
    permission: Permission,
) -> DomainResult<TenantScope> {
    let token = CARRIER.find(req).ok_or(Error::Unauthenticated)?;
    let caller = authentication::authenticate(&state.ctx, &token).await?;
    let tenant: tenant::Model = opendsr::open(&state.ctx, slug).await?;
    let scope = caller.may(permission)?;
    if scope.tenant() != tenant.id {
        return Err(Error::NotFound {
            what: opendsr::MISSING,
        });
    }
    Ok(scope.clone())
}

/// Answers, signed for whoever came to the right door.
async fn answer(
    req: &Request,
    state: &State,
    scope: DomainResult<TenantScope>,
    told: Result<Told, Refusal>,
) -> Response {
    let scope = match scope {
        Ok(scope) => scope,
        Err(error) => return unsigned(&error),
    };
    let (status, body) = told.unwrap_or_else(|refusal| refused(&refusal));
    let body = match serde_json::to_vec(&body) {
        Ok(body) => body,
        Err(error) => return unsigned(&Error::internal(error)),
    };
    let signed = match opendsr::sign(&state.ctx, &scope, &body).await {
        Ok(signed) => signed,
        Err(error) => return unsigned(&error),
    };
    let mut response = Response::builder()
        .status(status)
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-store");
    for family in families(req) {
        response = response
            .header(format!("x-{family}-processor-domain"), signed.domain.as_str())
            .header(format!("x-{family}-signature"), signed.signature.as_str());
    }
    response.body(body)
}

/// The names that an answer's headers have: the present one, and the one that was asked by.
fn families(req: &Request) -> Vec<&'static str> {
    let asked = req.original_uri().path().to_ascii_lowercase();
    let mut families = vec!["opendsr"];
    for (path, family) in NAMES {
        if family != "opendsr" && asked.contains(&format!("/{path}")) {
            families.push(family);
        }
    }
    families
}

/// What went wrong, in the specification's error object.
fn refused(refusal: &Refusal) -> Told {
    let (status, faults) = match refusal {
        Refusal::Invalid(faults) => (StatusCode::BAD_REQUEST, faults.clone()),
        Refusal::Other(error) => {
            let reason = match error {
                Error::NotFound { .. } => "not_found",
                Error::Conflict { code, .. } => code,
                _ => "refused",
            };
            let status = status_of(error);
            if status == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(error = ?error, "a request through OpenDSR failed");
            }
            (status, vec![(reason, error.to_string())])
        }
    };
    let message = faults.first().map(|(_, message)| message.clone());
    let errors: Vec<Value> = faults
        .iter()
        .map(|(reason, message)| json!({ "domain": "Validation", "reason": reason, "message": message }))
        .collect();
    let error = json!({ "code": status.as_u16(), "message": message, "errors": errors });
    (status, json!({ "error": error }))
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Unauthenticated | Error::Rejected { .. } => StatusCode::UNAUTHORIZED,
        Error::Forbidden { .. } => StatusCode::FORBIDDEN,
        Error::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Invalid(_) | Error::Conflict { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// To somebody who is nobody here there is nothing to sign.
fn unsigned(error: &Error) -> Response {
    let status = status_of(error);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(error = ?error, "an answer of OpenDSR could not be made");
        return ApiError::from(Error::internal(anyhow::anyhow!("OpenDSR"))).into_response();
    }
    let error = json!({ "code": status.as_u16(), "message": error.to_string(), "errors": [] });
    Response::builder()
        .status(status)
        .content_type("application/json")
        .body(json!({ "error": error }).to_string())
}
