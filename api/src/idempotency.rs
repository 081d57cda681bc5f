//! `Idempotency-Key`: the middleware around the API that makes a repeated POST safe.

use std::{sync::atomic::Ordering, time::Duration};

use domain::{
    Error, authentication,
    idempotency::{self, Answer, Begin},
};
use poem::{
    Body, Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};
use ring::digest::{SHA256, digest};
use tokio::time::sleep;

use crate::{body, caller, problem::ApiError, state::State};

/// Headers of an answer that are given again.
const REPEATED: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];
/// How often it is tried to write down what could not be.
const AGAIN_EVERY: Duration = Duration::from_millis(500);
/// The longest key.
const MAX_KEY: usize = 255;

/// Remembers answers to POSTs that carry an `Idempotency-Key`.
pub struct Idempotent;

impl<E: Endpoint<Output = Response>> Middleware<E> for Idempotent {
    type Output = Remembering<E>;

    fn transform(&self, inner: E) -> Remembering<E> {
        Remembering(inner)
    }
}

/// See [`Idempotent`].
pub struct Remembering<E>(E);

impl<E: Endpoint<Output = Response>> Endpoint for Remembering<E> {
    type Output = Response;

    async fn call(&self, mut req: Request) -> Result<Response> {
        if *req.method() != Method::POST {
            return self.0.call(req).await;
        }
        let Some(key) = req.header("idempotency-key").map(str::to_owned) else {
            return self.0.call(req).await;
        };
        // Without a credential there is nobody to remember it for; the operation will say so, or needs none.
        let Some(credential) = caller::CARRIER.find(&req) else {
            return self.0.call(req).await;
        };
        let Some(state) = req.data::<State>().cloned() else {
            return self.0.call(req).await;
        };
        let Ok(caller) = authentication::authenticate(&state.ctx, &credential).await else {
            return self.0.call(req).await;
        };
        if key.is_empty() || key.len() > MAX_KEY {
            return Ok(refuse(
                "Idempotency-Key",
                "out_of_range",
                "use 1 to 255 characters, new for each thing to be done",
            ));
        }
        let body = body::collect(req.take_body()).await?;
        let name = format!(
            "{}\n{}\n{}\n{key}",
            caller.scope().actor(),
            req.method(),
            req.original_uri().path()
        );
        let begun =
            idempotency::begin(&state.ctx, caller.scope(), sha256(name.as_bytes()), sha256(&body)).await;
        match begun.map_err(ApiError::from) {
            Err(error) => Ok(error.into_response()),
            Ok(Begin::Replay(answer)) => Ok(replay(answer)),
            Ok(Begin::InProgress) => {
                let detail = "a request with this key is still running; wait and repeat it";
                Ok(ApiError::from(Error::conflict("idempotency_in_progress", detail)).into_response())
            }
            Ok(Begin::Reused) => Ok(ApiError::key_reused().into_response()),
            Ok(Begin::New(ticket)) => {
                req.set_body(Body::from(body));
                let response = match self.0.call(req).await {
                    Ok(response) => response,
                    Err(error) => crate::problem::from_framework(error),
                };
                remember(&state, ticket, response).await
            }
        }
    }
}

async fn remember(state: &State, ticket: idempotency::Ticket, response: Response) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let passing = parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS;
    let body = body
        .into_bytes()
        .await
        .map_err(poem::error::InternalServerError)?;
    let headers = REPEATED.iter().filter_map(|name| {
        Some((
            name.to_string(),
            parts.headers.get(name)?.to_str().ok()?.to_owned(),
        ))
    });
    let answer = Answer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let answer = (!passing).then_some(answer);
    Outcome { ticket, answer }.settle(state).await;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// What became of a request.
pub(crate) struct Outcome {
    /// Its right to be done.
    pub(crate) ticket: idempotency::Ticket,
    /// None: it failed for a reason that may pass.
    pub(crate) answer: Option<Answer>,
}

impl Outcome {
    /// Writes down what a repeat is told; where the store is away, as soon as it is back.
    pub(crate) async fn settle(self, state: &State) {
        if let Err(error) = self.write(state).await {
            let error = format!("{error:#}");
            tracing::warn!(error, "an answer could not be remembered; trying again");
            let later = state.clone();
            state
                .sockets
                .spawn(async move { self.write_in_the_end(&later).await });
        }
    }

    async fn write(&self, state: &State) -> domain::Result<()> {
        match &self.answer {
            Some(answer) => idempotency::finish(&state.ctx, &self.ticket, answer).await,
            None => idempotency::abandon(&state.ctx, &self.ticket).await,
        }
    }

    /// The store may be away for a moment. Until it knows, a repeat is told that the request still runs; after
    /// [`idempotency::RUNNING`] a repeat may do it again, and nothing is to be remembered any more.
    async fn write_in_the_end(self, state: &State) {
        let until = state.ctx.now() + idempotency::RUNNING;
        while state.ctx.now() < until && !state.going.load(Ordering::Relaxed) {
            sleep(AGAIN_EVERY).await;
            if self.write(state).await.is_ok() {
                return;
            }
        }
    }
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = Response::builder()
        .status(status)
        .header("idempotency-replayed", "true")
        .body(answer.body);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn refuse(field: &str, code: &'static str, detail: &str) -> Response {
    ApiError::from(Error::invalid(field, code, detail)).into_response()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
