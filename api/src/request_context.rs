//! What belongs to one request: its id, for whoever reads the log later.

use std::{future::Future, sync::Arc, time::Instant};

use entity::id::AuditEventId;
use parking_lot::Mutex;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result, http::HeaderValue};
use vault::redact::redact_query;

use crate::state::State;

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// One request, for its problems and its log line.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Given back as `X-Request-Id`.
    pub id: String,
    /// The path, without the query.
    pub path: String,
    /// Changes that other nodes have to follow before it is answered.
    changes: Arc<Mutex<Vec<u64>>>,
}

impl RequestContext {
    /// The request that is being answered now, if one is.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The request that is being answered now, if one is, changed something that other nodes have to follow.
    pub(crate) fn changed(number: u64) {
        let _ = CURRENT.try_with(|request| request.changes.lock().push(number));
    }
}

/// Gives every request an id, and writes one line about it.
pub struct WithRequestContext(pub State);

impl<E: Endpoint> Middleware<E> for WithRequestContext {
    type Output = Contextual<E>;

    fn transform(&self, inner: E) -> Contextual<E> {
        Contextual {
            inner,
            state: self.0.clone(),
        }
    }
}

/// See [`WithRequestContext`].
pub struct Contextual<E> {
    inner: E,
    state: State,
}

impl<E: Endpoint> Endpoint for Contextual<E> {
    type Output = Response;

    async fn call(&self, mut req: Request) -> Result<Response> {
        req.set_data(self.state.clone());
        let id = request_id(&req).unwrap_or_else(|| self.state.ctx.ids.next::<AuditEventId>().to_string());
        let context = RequestContext {
            id: id.clone(),
            path: req.uri().path().to_owned(),
            changes: Arc::default(),
        };
        let changes = Arc::clone(&context.changes);
        let method = req.method().clone();
        let target = redact_query(req.uri().path_and_query().map_or("/", |target| target.as_str()));
        let started = Instant::now();
        let mut response = within(context, self.inner.call(req)).await;
        let changes = std::mem::take(&mut *changes.lock());
        if !changes.is_empty() {
            self.state.broker.followed(&changes).await;
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", value);
        }
        let status = response.status().as_u16();
        let duration_ms = started.elapsed().as_millis();
        metrics::counter!("weir_http_requests_total", "method" => method.as_str().to_owned(), "status" => status.to_string())
            .increment(1);
        metrics::histogram!("weir_http_request_seconds").record(started.elapsed().as_secs_f64());
        tracing::debug!(request.id = id, %method, target, status, duration_ms, "answered");
        Ok(response)
    }
}

async fn within<R: IntoResponse>(
    context: RequestContext,
    answer: impl Future<Output = Result<R>>,
) -> Response {
    CURRENT
        .scope(context, async {
            match answer.await {
                Ok(response) => response.into_response(),
                Err(error) => crate::problem::from_framework(error),
            }
        })
        .await
}

/// The caller's own id for the request, if it is one that a log can hold.
fn request_id(req: &Request) -> Option<String> {
    let id = req.header("x-request-id")?;
    let fits = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fits.then(|| id.to_owned())
}
