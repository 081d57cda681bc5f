//! What back ends are told: JSON when it worked, a line of text when it did not.

use std::{borrow::Cow, time::Duration};

use domain::Error;
use poem::{
    Body, Response,
    http::{HeaderValue, StatusCode, header},
};

/// Something that worked.
#[derive(Debug)]
pub(super) enum Reply {
    /// There is nothing to say.
    Nothing,
    /// JSON.
    Json(String),
    /// What was answered the first time.
    Again(String),
}

impl Reply {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Nothing => "{}",
            Self::Json(text) | Self::Again(text) => text,
        }
    }
}

/// Why something did not work. The text says how to get out and names nobody.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    text: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Fault {
    pub(super) fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after: None,
        }
    }

    /// The request makes no sense.
    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// More than is taken at once.
    pub(super) fn too_large(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// Whoever is not believed, too many times.
    pub(super) fn too_often(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests")
        }
    }

    /// Whether it was said to somebody who did not prove to be anybody.
    pub(super) fn is_strangers(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::Invalid(faults) => {
                let told: Vec<_> = faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.field, fault.detail))
                    .collect();
                return Self::bad(told.join("; "));
            }
            Error::Unauthenticated | Error::Rejected { .. } => StatusCode::UNAUTHORIZED,
            Error::Conflict { .. }
            | Error::VersionMismatch { .. }
            | Error::Forbidden { .. }
            | Error::NotYet { .. }
            | Error::NotLawful { .. }
            | Error::OverQuota { .. }
            | Error::Gone { .. } => StatusCode::FORBIDDEN,
            Error::TooMany { retry_after } => return Self::too_often(*retry_after),
            Error::Unavailable { what, source } => {
                tracing::warn!(what, error = ?source, "a part is not available");
                return Self {
                    retry_after: Some(Duration::from_secs(1)),
                    ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "come back in a second")
                };
            }
            // The cause goes to the log, never to the caller.
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "internal error");
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
            }
        };
        Self::new(status, error.to_string())
    }
}

/// Writes the answer.
pub(super) fn respond(reply: Result<Reply, Fault>) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
    match reply {
        Ok(reply) => {
            let replayed = matches!(reply, Reply::Again(_));
            let body = match reply {
                Reply::Nothing => Body::from("{}"),
                Reply::Json(text) | Reply::Again(text) => Body::from(text),
            };
            let mut response = Response::builder().body(body);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, JSON);
            if replayed {
                headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
            }
            response
        }
        Err(fault) => {
            let mut response = Response::builder()
                .status(fault.status)
                .body(Body::from(fault.text.into_owned()));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, TEXT);
            if let Some(wait) = fault.retry_after {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// A status as a label that costs nothing.
pub(super) fn status_label(status: u16) -> &'static str {
    match status {
        200 => "200",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        409 => "409",
        413 => "413",
        429 => "429",
        503 => "503",
        _ => "500",
    }
}
