//! Saying something to one session over REST: how a back end without sockets speaks when it was not asked.

use broker::called::Said;
use domain::{
    error::{Error, Result},
    permissions::Permission,
    pictures,
};
use entity::{
    endpoint::{EndpointKind, PoolMode},
    id::{ConnectionId, EndpointId},
};
use poem_openapi::{Object, OpenApi, param::Path};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    body::Body, caller::Caller, calls::payload, problem::ApiError, responses::Accepted, state::State,
    tags::Tag,
};

/// A message for one session.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionMessageIn {
    /// A string goes out as it is, anything else as JSON.
    data: Option<Value>,
    /// In place of `data`: bytes, in base64.
    base64: Option<String>,
}

/// Messages for sessions.
pub struct SessionMessagesApi(pub State);

#[OpenApi(tag = "Tag::Endpoints")]
impl SessionMessagesApi {
    /// Say something to one session.
    ///
    /// For relays with `pool_mode: "webhook"`, whose back end hears of a session's id with its `connected` event. The message is admitted and
    /// recorded as any that the back end sends. What does not fit the session's queue goes by the endpoint's `slow_consumer`.
    #[oai(
        path = "/endpoints/:endpoint_id/sessions/:session_id/messages",
        method = "post",
        operation_id = "send_session_message"
    )]
    async fn send(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        session_id: Path<ConnectionId>,
        body: Body<SessionMessageIn>,
    ) -> std::result::Result<Accepted, ApiError> {
        let scope = caller.may(Permission::MessagesWrite)?;
        let picture = pictures::load(&self.0.ctx, scope).await?;
        let endpoint = picture
            .endpoint(endpoint_id.0)
            .ok_or(Error::NotFound { what: "endpoint" })?;
        let row = &endpoint.row;
        if row.kind != EndpointKind::Relay || row.pool_mode != PoolMode::Webhook {
            let detail = "only sessions of a relay with pool_mode webhook are spoken to like this";
            return Err(Error::conflict("wrong_kind", detail).into());
        }
        let message = read(body.0, row.max_message_bytes)?;
        let said = self.0.broker.say(endpoint_id.0.0, session_id.0.0, message).await;
        match said {
            Some(Said::Queued) => Ok(Accepted::Accepted),
            Some(Said::TooSlow) => {
                let detail = "the end-user does not read fast enough; by slow_consumer the session was closed with 4102";
                Err(Error::conflict("slow_consumer", detail).into())
            }
            None => Err(Error::NotFound { what: "session" }.into()),
        }
    }
}

fn read(body: SessionMessageIn, max_bytes: i32) -> Result<broker::host::Payload> {
    let field = if body.base64.is_some() { "/base64" } else { "/data" };
    let message = payload(body.data, body.base64.as_deref())
        .ok_or_else(|| Error::invalid(field, "malformed", "give either data, or bytes in base64"))?;
    if message.bytes.len() > usize::try_from(max_bytes).unwrap_or_default() {
        let detail = format!("use {max_bytes} bytes at most, or raise the endpoint's max_message_bytes");
        return Err(Error::invalid(field, "too_large", detail));
    }
    Ok(message)
}
