//! Global Privacy Control: the header at the doors, the signal over REST, and the statement that it is honoured.

use domain::{
    consents::{self, Recorded},
    error::Error,
    gpc,
    permissions::Permission,
    standings, subjects,
    tenancy::TenantScope,
};
use entity::id::SubjectId;
use poem::{Request, Response, handler};
use poem_openapi::{Object, OpenApi, payload::Json};
use serde::Deserialize;
use serde_json::json;

use crate::{
    body::Body,
    caller::Caller,
    consents::ConsentEvent,
    problem::ApiError,
    responses::Page,
    state::{Parts, State},
    tags::Tag,
    withdrawal,
};

/// When the statement was last looked at.
const LAST_UPDATE: &str = "2026-11-27T00:00:00Z";

/// `/.well-known/gpc.json`: the signal is honoured here.
#[handler]
pub fn statement() -> Response {
    let body = json!({ "gpc": true, "lastUpdate": LAST_UPDATE });
    Response::builder()
        .content_type("application/json")
        .header("cache-control", "public, max-age=86400")
        .body(body.to_string())
}

/// Whether a request carries the signal.
pub fn asserted(req: &Request) -> bool {
    let values = req.headers().get_all("sec-gpc");
    gpc::is_asserted(values.iter().map(poem::http::HeaderValue::as_bytes))
}

impl Parts {
    /// A person's browser says no. Answers when nothing that gives way to that goes out to them any more.
    pub async fn gpc_signal(
        &self,
        state: &State,
        scope: &TenantScope,
        subject: SubjectId,
        place: Option<String>,
    ) -> domain::Result<Vec<Recorded>> {
        if !gpc::concerns(&self.ctx, scope, subject).await? {
            return Ok(Vec::new());
        }
        let tx = self.ctx.store.begin(scope).await?;
        let recorded = gpc::signal(&tx, &self.ctx, subject, place).await?;
        tx.save().await?;
        for one in &recorded {
            if one.ended {
                self.nudge.notify_one();
            }
            if one.in_force && !standings::is_valid(one.event.state) {
                withdrawal::apply(state, scope, subject, one.event.purpose_id).await?;
            }
        }
        Ok(recorded)
    }
}

/// Somebody whose browser sent `Sec-GPC: 1` to your back end. Name them in one of the two ways.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpcSignalIn {
    /// Your own id for the person; added when not known yet.
    subject: Option<String>,
    subject_id: Option<SubjectId>,
    /// The page that was asked for. Nothing personal.
    place: Option<String>,
}

/// Global Privacy Control.
pub struct GpcApi(pub State);

#[OpenApi(tag = "Tag::Subjects")]
impl GpcApi {
    /// Pass on that a person's browser sent `Sec-GPC: 1`.
    ///
    /// Refuses, or withdraws, every purpose that gives way to the signal (`honours_gpc`), unless the person consented to it
    /// after an earlier signal. Answered when it has taken effect, with what was recorded.
    #[oai(path = "/gpc-signals", method = "post", operation_id = "record_gpc_signal")]
    async fn signal(
        &self,
        caller: Caller,
        body: Body<GpcSignalIn>,
    ) -> Result<Json<Page<ConsentEvent>>, ApiError> {
        let scope = caller.may(Permission::ConsentsWrite)?;
        let ctx = &self.0.ctx;
        let subject = match (&body.0.subject, body.0.subject_id) {
            (Some(external), None) => subjects::get_or_create(ctx, scope, external).await?,
            (None, Some(id)) => {
                let tx = ctx.store.read(scope).await?;
                subjects::read(&tx, id).await?.id
            }
            _ => {
                return Err(Error::invalid(
                    "/subject",
                    "missing",
                    "name the person once, in subject or subject_id",
                )
                .into());
            }
        };
        let recorded = self.0.gpc_signal(&self.0, scope, subject, body.0.place).await?;
        let events = recorded.into_iter().map(|recorded| recorded.event).collect();
        let tx = ctx.store.read(scope).await?;
        let details = consents::details(&tx, ctx, events).await?;
        Ok(Json(Page {
            items: details.into_iter().map(ConsentEvent::from).collect(),
            next_cursor: None,
        }))
    }
}
