//! Publishing over REST.

use std::sync::Arc;

use broker::{
    Post, PublishError,
    host::{Direction, JournalFault, Label, Opcode, Payload, Refusal, Source},
    pusher::names::{ChannelName, Kind, is_event},
};
use bytes::Bytes;
use domain::{
    error::{Error, Result},
    permissions::Permission,
    pictures::{self, Picture},
    quotas::Quotas,
    standings::Standing,
    subjects,
    tenancy::TenantScope,
};
use entity::{
    endpoint::EndpointKind,
    id::{EndpointId, PurposeId, SubjectId},
};
use poem_openapi::{Object, OpenApi, param::Path};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

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
    /// What Pusher clients bind to: up to 200 characters. Plain sockets get the data without it. Without one Pusher
    /// clients get the event `message`.
    event: Option<String>,
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

/// Publishing.
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
        let label = body.0.event.map(label).transpose()?;
        let (subject, purpose) = (body.0.subject.as_deref(), body.0.purpose.as_deref());
        let about = About::find(state, scope, &picture, subject, purpose).await?;
        let text = match body.0.data {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let source = Source::Tenant {
            tenant: scope.tenant().0,
            endpoint: endpoint_id.0.0,
            subject: about.subject(),
            purpose: about.purpose(),
        };
        let payload = Payload {
            label,
            ..Payload::new(Opcode::Text, Bytes::from(text))
        };
        let name: Arc<str> = channel.as_str().into();
        let done = state
            .broker
            .publish(Post {
                source,
                channel: name,
                direction: Direction::Inbound,
                payload,
                except: None,
            })
            .await
            .map_err(|error| refused(error, &picture.quotas))?;
        let recorded = done
            .position
            .as_ref()
            .is_some_and(|position| position.id.is_some());
        Ok(Created::fixed(Published {
            id: done
                .position
                .as_ref()
                .and_then(|position| position.id)
                .map(|id| id.to_string()),
            channel,
            offset: done.position.as_ref().map(|position| position.offset),
            epoch: done.position.map(|position| position.epoch.to_string()),
            recorded,
            recipients: done.recipients as u64,
        }))
    }
}

/// Whom a message is about and what it is for, as its sender said.
#[derive(Default)]
pub(crate) struct About {
    /// The person, and how they stand: held while the message passes, so that admission finds it.
    person: Option<(SubjectId, Arc<Standing>)>,
    purpose: Option<PurposeId>,
}

impl About {
    /// Finds the purpose by its slug, and the person by the tenant's own id; they are added when they are not known yet.
    pub(crate) async fn find(
        state: &State,
        scope: &TenantScope,
        picture: &Picture,
        subject: Option<&str>,
        purpose: Option<&str>,
    ) -> Result<Self> {
        let unknown = || {
            let detail = "there is no purpose with this slug; create it first";
            Error::invalid("/purpose", "unknown", detail)
        };
        let purpose = purpose
            .map(|slug| picture.purpose_by_slug(slug).ok_or_else(unknown))
            .transpose()?;
        let person = match subject {
            Some(external) => {
                let ctx = &state.ctx;
                let subject = subjects::get_or_create(ctx, scope, external).await?;
                Some((subject, ctx.standings.load(&ctx.store, scope, subject).await?))
            }
            None => None,
        };
        Ok(Self {
            person,
            purpose: purpose.map(|purpose| purpose.id),
        })
    }

    /// The person, for the broker.
    pub(crate) fn subject(&self) -> Option<Uuid> {
        self.person.as_ref().map(|(subject, _)| subject.0)
    }

    /// The purpose, for the broker.
    pub(crate) fn purpose(&self) -> Option<Uuid> {
        self.purpose.map(Uuid::from)
    }
}

fn check_channel(name: &str) -> Result<()> {
    match ChannelName::parse(name) {
        // A person's own channel has a `#`, which no channel of the tenant's has.
        Ok(parsed) if parsed.kind() != Kind::User => Ok(()),
        _ => Err(Error::invalid(
            "/channel",
            "malformed",
            "use 1 to 164 letters, digits and _ - = @ , . ;",
        )),
    }
}

/// Names that only this server says.
pub(crate) fn is_reserved(event: &str) -> bool {
    ["pusher:", "pusher_internal:", "weir:"]
        .iter()
        .any(|ours| event.starts_with(ours))
}

fn label(event: String) -> Result<Arc<Label>> {
    if !is_event(&event) {
        return Err(Error::invalid(
            "/event",
            "out_of_range",
            "use 1 to 200 characters",
        ));
    }
    if is_reserved(&event) {
        let detail = "names beginning with pusher:, pusher_internal: or weir: are the protocol's";
        return Err(Error::invalid("/event", "not_allowed", detail));
    }
    Ok(Arc::new(Label {
        event: event.into(),
        user: None,
    }))
}

pub(crate) fn refused(error: PublishError, quotas: &Quotas) -> Error {
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
            detail: "the person restricted the processing of their data, objected to it, or was erased",
        },
        PublishError::Refused(Refusal::NotAllowed) => Error::NotLawful {
            code: "special_basis_missing",
            detail: "the message holds data of a special category (Art. 9 GDPR): name the purpose's special_basis, or minimise \
                     the data type",
        },
        PublishError::Refused(Refusal::TooLarge) => Error::invalid(
            "/data",
            "too_large",
            "the message is larger than the endpoint's max_message_bytes",
        ),
        PublishError::Refused(Refusal::Opaque) => Error::invalid(
            "/data",
            "not_json",
            "this endpoint refuses what the catalogue cannot look into: send JSON, or set its opaque to record or pass",
        ),
        PublishError::Refused(Refusal::Unavailable) => Error::Unavailable {
            what: "the store",
            source: None,
        },
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
