//! Problem details (RFC 9457). The only place that knows which error is which status.

use std::time::Duration;

use domain::error::{Error, Fault};
use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{ApiResponse, Object, payload::Json};

use crate::request_context::RequestContext;

/// What went wrong, as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Problem {
    /// A link to what the code means.
    #[oai(rename = "type")]
    kind: String,
    /// The same for every problem of this code.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Stable and machine-readable.
    code: String,
    /// What happened here and how to get out.
    detail: Option<String>,
    /// The path that was asked for.
    instance: Option<String>,
    /// Names the request in the server's log.
    request_id: Option<String>,
    /// What is wrong with the input, field by field.
    #[oai(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

/// One thing wrong with an input.
#[derive(Clone, Debug, Object)]
pub struct FieldProblem {
    /// A JSON pointer into the body (RFC 6901), `?name` for a query parameter, or a header's name.
    field: String,
    /// Stable and machine-readable.
    code: String,
    /// How to mend it.
    detail: String,
}

/// The answers of every operation when it did not work.
#[derive(Debug, ApiResponse)]
pub enum ApiError {
    /// The request could not be read.
    #[oai(status = 400, content_type = "application/problem+json")]
    Malformed(Json<Problem>),
    /// Nobody is signed in, or the credential is not valid.
    #[oai(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Json<Problem>),
    /// The caller may not do this.
    #[oai(status = 403, content_type = "application/problem+json")]
    Forbidden(Json<Problem>),
    /// It does not exist, or not for this caller.
    #[oai(status = 404, content_type = "application/problem+json")]
    NotFound(Json<Problem>),
    /// It clashes with what is there.
    #[oai(status = 409, content_type = "application/problem+json")]
    Conflict(Json<Problem>),
    /// It existed and is gone for good.
    #[oai(status = 410, content_type = "application/problem+json")]
    Gone(Json<Problem>),
    /// It was changed since the caller last looked.
    #[oai(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Json<Problem>),
    /// The body is larger than allowed.
    #[oai(status = 413, content_type = "application/problem+json")]
    TooLarge(Json<Problem>),
    /// The input makes no sense.
    #[oai(status = 422, content_type = "application/problem+json")]
    Invalid(Json<Problem>),
    /// Too often.
    #[oai(status = 429, content_type = "application/problem+json")]
    TooMany(
        Json<Problem>,
        /// Seconds until it is worth trying again.
        #[oai(header = "Retry-After")]
        u64,
    ),
    /// Our fault; the request id finds it in the log.
    #[oai(status = 500, content_type = "application/problem+json")]
    Internal(Json<Problem>),
    /// A part we depend on does not answer.
    #[oai(status = 503, content_type = "application/problem+json")]
    Unavailable(
        Json<Problem>,
        /// Seconds until it is worth trying again.
        #[oai(header = "Retry-After")]
        u64,
    ),
}

fn problem(
    status: StatusCode,
    code: &str,
    title: &str,
    detail: Option<String>,
    faults: Vec<Fault>,
) -> Json<Problem> {
    let context = RequestContext::current();
    Json(Problem {
        kind: format!("/api/docs#problem-{code}"),
        title: title.to_owned(),
        status: status.as_u16(),
        code: code.to_owned(),
        detail,
        instance: context.as_ref().map(|context| context.path.clone()),
        request_id: context.map(|context| context.id),
        errors: faults
            .into_iter()
            .map(|fault| FieldProblem {
                field: fault.field,
                code: fault.code.to_owned(),
                detail: fault.detail,
            })
            .collect(),
    })
}

impl ApiError {
    /// A back end has no socket for a client now.
    pub(crate) fn no_upstream(retry_after: std::time::Duration) -> Self {
        let detail = "the back end of this endpoint takes no more clients now; come back later".to_owned();
        Self::Unavailable(
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Not available",
                Some(detail),
                vec![],
            ),
            seconds(retry_after),
        )
    }

    /// A relay's back end was not proven to be the tenant's.
    pub(crate) fn unproven_upstream() -> Self {
        let detail = "the back end of this endpoint was not proven to be its tenant's yet; GET /api/v1/endpoints/{id}/upstream says how";
        Self::Unavailable(
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_unproven",
                "Back end not proven",
                Some(detail.to_owned()),
                vec![],
            ),
            10,
        )
    }

    /// An `Idempotency-Key` came a second time with another body.
    pub(crate) fn key_reused() -> Self {
        const CODE: &str = "idempotency_key_reused";
        let detail = "this key was used with another body; take a new one";
        let faults = vec![Fault::new("Idempotency-Key", CODE, detail)];
        Self::Invalid(problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            CODE,
            "Key used before",
            Some(detail.to_owned()),
            faults,
        ))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let detail = Some(error.to_string());
        let with =
            |status, code: &str, title: &str, faults| problem(status, code, title, detail.clone(), faults);
        match error {
            Error::NotFound { .. } => {
                Self::NotFound(with(StatusCode::NOT_FOUND, "not_found", "Not found", vec![]))
            }
            Error::Invalid(faults) => Self::Invalid(with(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_request",
                "Invalid request",
                faults,
            )),
            Error::Conflict {
                code,
                field,
                ref detail,
            } => {
                let faults = field
                    .map(|field| Fault::new(field, code, detail.clone()))
                    .into_iter()
                    .collect();
                Self::Conflict(with(
                    StatusCode::CONFLICT,
                    if field.is_some() { "conflict" } else { code },
                    "Conflict",
                    faults,
                ))
            }
            Error::VersionMismatch { .. } => Self::PreconditionFailed(with(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "Changed since",
                vec![Fault::new(
                    "If-Match",
                    "stale",
                    "read it again, look at the change, and send the new ETag",
                )],
            )),
            Error::Unauthenticated => Self::Unauthenticated(with(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "Not authenticated",
                vec![],
            )),
            Error::Rejected { code, .. } => {
                Self::Unauthenticated(with(StatusCode::UNAUTHORIZED, code, "Rejected", vec![]))
            }
            Error::Forbidden { .. } => {
                Self::Forbidden(with(StatusCode::FORBIDDEN, "forbidden", "Forbidden", vec![]))
            }
            Error::NotYet { code, .. } => {
                Self::Forbidden(with(StatusCode::FORBIDDEN, code, "Not yet", vec![]))
            }
            Error::NotLawful { code, .. } => {
                Self::Forbidden(with(StatusCode::FORBIDDEN, code, "Not lawful", vec![]))
            }
            Error::OverQuota { .. } => {
                Self::Forbidden(with(StatusCode::FORBIDDEN, "over_quota", "Over quota", vec![]))
            }
            Error::TooMany { retry_after } => Self::TooMany(
                with(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate_limited",
                    "Too many requests",
                    vec![],
                ),
                seconds(retry_after),
            ),
            Error::Gone { .. } => Self::Gone(with(StatusCode::GONE, "gone", "Gone", vec![])),
            Error::Unavailable { what, ref source } => {
                tracing::warn!(what, error = ?source, "a part is not available");
                Self::Unavailable(
                    with(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "unavailable",
                        "Not available",
                        vec![],
                    ),
                    1,
                )
            }
            // The cause goes to the log, never to the caller.
            Error::Internal(cause) => {
                let request_id = RequestContext::current().map(|context| context.id);
                tracing::error!(
                    request.id = request_id,
                    error = format!("{cause:#}"),
                    "internal error"
                );
                Self::Internal(problem(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "Internal error",
                    None,
                    vec![],
                ))
            }
        }
    }
}

impl From<domain::DbError> for ApiError {
    fn from(error: domain::DbError) -> Self {
        Error::from(error).into()
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// A body that is not what the operation takes; the fault says where.
#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
pub struct Malformed(pub Fault);

impl poem::error::ResponseError for Malformed {
    fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// What the framework refused by itself, as a problem. Our own answers pass through.
pub fn from_framework(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if let Some(Malformed(fault)) = error.downcast_ref() {
        return malformed(vec![fault.clone()]).into_response();
    }
    if error.is::<Error>() {
        return match error.downcast::<Error>() {
            Ok(error) => ApiError::from(error).into_response(),
            Err(error) => plain(error.status(), None),
        };
    }
    if let Some(param) = error.downcast_ref::<poem_openapi::error::ParseParamError>() {
        return malformed(vec![Fault::new(
            format!("?{}", param.name),
            "malformed",
            param.reason.clone(),
        )])
        .into_response();
    }
    if let Some(path) = error.downcast_ref::<poem_openapi::error::ParsePathError>() {
        // A path that cannot name anything names nothing: the answer is that of a missing id.
        tracing::trace!(parameter = path.name, reason = path.reason, "not an id");
        return ApiError::from(Error::NotFound { what: "resource" }).into_response();
    }
    let detail = error.status().is_client_error().then(|| error.to_string());
    if error.status().is_server_error() {
        tracing::error!(%error, "internal error");
    }
    plain(error.status(), detail)
}

fn malformed(faults: Vec<Fault>) -> ApiError {
    let detail = Some("the request could not be read; see errors".to_owned());
    ApiError::Malformed(problem(
        StatusCode::BAD_REQUEST,
        "malformed_request",
        "Malformed request",
        detail,
        faults,
    ))
}

pub fn plain(status: StatusCode, detail: Option<String>) -> Response {
    let code = match status {
        StatusCode::BAD_REQUEST => "malformed_request",
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::UPGRADE_REQUIRED => "upgrade_required",
        status if status.is_client_error() => "malformed_request",
        _ => "internal",
    };
    let title = status.canonical_reason().unwrap_or("Problem");
    let mut response = problem(status, code, title, detail, vec![]).into_response();
    response.set_status(status);
    response.headers_mut().insert(
        poem::http::header::CONTENT_TYPE,
        poem::http::HeaderValue::from_static("application/problem+json"),
    );
    response
}
