//! Publishing over REST, and what a relay's pool looks like.

use std::sync::Arc;

use broker::{
    PublishError,
    host::{Direction, JournalFault, Opcode, Payload, Refusal, Source},
};
use bytes::Bytes;
use domain::{
    endpoints,
    error::{Error, Result},
    permissions::Permission,
    pictures,
    quotas::Quotas,
    subjects,
};
use entity::{endpoint::EndpointKind, id::EndpointId};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use serde::Deserialize;
use serde_json::Value;

use crate::{body::Body, caller::Caller, problem::ApiError, responses::Created, state::State, tags::Tag};

/// The channel of an endpoint when none is named, and the one that plain sockets are on.
pub const MAIN_CHANNEL: &str = "main";

/// A message to be published.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageIn {
    /// What is sent: a string goes out as it is, anything else as JSON.
    data: Value,
    /// The channel. Default `main`, the one that plain sockets are on.
    channel: Option<String>,
    /// The person that the message is about, by your own id. Their key seals it.
    subject: Option<String>,
    /// What it is processed for, by the purpose's slug. Default: what the endpoint is for.
    purpose: Option<String>,
}

/// A message that was published.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Published {
    /// Its id, when it was recorded.
    id: Option<String>,
    channel: String,
    /// Its position in the channel, when it was recorded.
    offset: Option<i64>,
    /// Changes when offsets of before mean nothing any more.
    epoch: Option<String>,
    /// Whether it is stored: then it survives whatever happens to this server.
    recorded: bool,
    /// To how many sessions of this node it was handed.
    recipients: u64,
}

/// The upstream sockets of a relay on this node.
#[derive(Clone, Debug, Object)]
pub struct PoolOut {
    /// Ready.
    idle: u64,
    /// Tied to an end-user.
    active: u64,
    /// End-users waiting for one.
    waiting: u64,
    /// The endpoint's `pool_min`.
    min: i32,
    /// The endpoint's `pool_max`.
    max: i32,
    /// Sockets opened since this node started.
    connects: u64,
    /// Attempts that failed.
    failures: u64,
    /// `unused` until somebody connects, then `open`.
    state: String,
}

/// Publishing and pools.
pub struct PublishApi(pub State);

#[OpenApi]
impl PublishApi {
    /// Publish a message.
    ///
    /// When the answer says `recorded`, the message is durable. Recording comes before delivery unless the endpoint
    /// says otherwise.
    #[oai(
        path = "/endpoints/:endpoint_id/messages",
        method = "post",
        operation_id = "publish_message",
        tag = "Tag::Endpoints"
    )]
    async fn publish(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        body: Body<MessageIn>,
    ) -> Result<Created<Published>, ApiError> {
        let scope = caller.may(Permission::MessagesWrite)?;
        let state = &self.0;
        let picture = pictures::load(&state.ctx, scope).await?;
        let endpoint = picture
            .endpoint(endpoint_id.0)
            .ok_or(Error::NotFound { what: "endpoint" })?;
        if endpoint.row.kind == EndpointKind::Relay {
            return Err(Error::conflict(
                "wrong_kind",
                "messages of a relay come from its upstream; publish there",
            )
            .into());
        }
        let channel = body.0.channel.unwrap_or_else(|| MAIN_CHANNEL.to_owned());
        check_channel(&channel)?;
        let purpose = match &body.0.purpose {
            Some(slug) => Some(picture.purpose_by_slug(slug).ok_or_else(|| {
                Error::invalid(
                    "/purpose",
                    "unknown",
                    "there is no purpose with this slug; create it first",
                )
            })?),
            None => None,
        };
        let subject = match &body.0.subject {
            Some(external) => Some(subjects::get_or_create(&state.ctx, scope, external).await?),
            None => None,
        };
        // Held while the message passes, so that admission finds how the person stands.
        let _standing = match subject {
            Some(subject) => Some(state.ctx.standings.load(&state.ctx.store, scope, subject).await?),
            None => None,
        };
        let text = match body.0.data {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let source = Source::Tenant {
            tenant: scope.tenant().0,
            endpoint: endpoint_id.0.0,
            subject: subject.map(|subject| subject.0),
            purpose: purpose.map(|purpose| purpose.id.0),
        };
        let payload = Payload {
            opcode: Opcode::Text,
            bytes: Bytes::from(text),
        };
        let name: Arc<str> = channel.as_str().into();
        let done = state
            .broker
            .publish(source, &name, Direction::Inbound, payload)
            .await
            .map_err(|error| refused(error, &picture.quotas))?;
        let recorded = done.position.is_some();
        Ok(Created::fixed(Published {
            id: done.position.as_ref().map(|position| position.id.to_string()),
            channel,
            offset: done.position.as_ref().map(|position| position.offset),
            epoch: done.position.map(|position| position.epoch.to_string()),
            recorded,
            recipients: done.recipients as u64,
        }))
    }

    /// See the upstream pool of a relay.
    #[oai(
        path = "/endpoints/:endpoint_id/pool",
        method = "get",
        operation_id = "read_endpoint_pool",
        tag = "Tag::Endpoints"
    )]
    async fn pool(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<PoolOut>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = endpoints::read(&tx, endpoint_id.0).await?;
        if row.kind != EndpointKind::Relay {
            return Err(Error::conflict("wrong_kind", "only a relay has a pool").into());
        }
        let stats = self.0.relays.stats(row.id);
        Ok(Json(PoolOut {
            idle: stats.map_or(0, |stats| stats.idle as u64),
            active: stats.map_or(0, |stats| stats.active as u64),
            waiting: stats.map_or(0, |stats| stats.waiting as u64),
            min: row.pool_min,
            max: row.pool_max,
            connects: stats.map_or(0, |stats| stats.connects),
            failures: stats.map_or(0, |stats| stats.failures),
            state: if stats.is_some() { "open" } else { "unused" }.to_owned(),
        }))
    }
}

/// Channel names of the Pusher protocol: up to 164 of letters, digits and `_-=@,.;`.
fn check_channel(name: &str) -> Result<()> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-=@,.;".contains(&b);
    if (1..=164).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Error::invalid(
        "/channel",
        "malformed",
        "use 1 to 164 letters, digits and _ - = @ , . ;",
    ))
}

fn refused(error: PublishError, quotas: &Quotas) -> Error {
    match error {
        PublishError::Refused(Refusal::NoEndpoint) => Error::NotFound { what: "endpoint" },
        PublishError::Refused(Refusal::Disabled) => {
            Error::conflict("disabled", "the endpoint is switched off; enable it first")
        }
        PublishError::Refused(Refusal::ConsentMissing) => Error::NotLawful {
            code: "consent_required",
            detail: "the person has not consented to the purpose of this endpoint; record a consent first",
        },
        PublishError::Refused(Refusal::Restricted) => Error::NotLawful {
            code: "processing_restricted",
            detail: "the person restricted the processing of their data, or was erased",
        },
        PublishError::Refused(Refusal::NotAllowed) => Error::Forbidden {
            permission: "messages:write",
        },
        PublishError::Refused(Refusal::TooLarge) => Error::invalid(
            "/data",
            "too_large",
            "the message is larger than the endpoint's max_message_bytes",
        ),
        PublishError::Refused(Refusal::OverQuota) => Error::OverQuota {
            quota: "messages_per_day",
            limit: quotas.messages_per_day,
        },
        PublishError::Refused(Refusal::Gone) | PublishError::Journal(JournalFault::Refused) => {
            Error::Gone { what: "the person" }
        }
        PublishError::Journal(
            fault @ (JournalFault::Full | JournalFault::Stopping | JournalFault::Failed),
        ) => Error::Unavailable {
            what: "the journal",
            source: Some(anyhow::Error::new(fault)),
        },
    }
}
