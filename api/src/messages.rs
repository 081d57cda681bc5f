//! What passed, over REST: search, one message, and opening what it says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use domain::{
    error::Error,
    ids::MessageId,
    messages,
    messages::{Filter, Unsealed},
    page::PageIn,
    permissions::Permission,
    pictures::{self, Picture},
    tenancy::TenantScope,
};
use entity::id::{DataTypeId, EndpointId, PurposeId, SubjectId};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::{Value, json};

use crate::{caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Direction {
    /// From an end-user, or published over REST.
    Inbound,
    /// From the tenant's back end to an end-user.
    Outbound,
}

/// How `data` stands for bytes that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Encoding {
    /// RFC 4648 §4.
    Base64,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Unreadable {
    /// A key of it is destroyed: nobody can open it any more, here or in any backup.
    KeyDestroyed,
    /// The person restricted the processing (GDPR Art. 18): it is stored, and not read.
    Restricted,
}

/// A recorded message.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Message {
    id: String,
    endpoint_id: EndpointId,
    channel: String,
    /// Its position in the channel, from 1 without gaps.
    offset: i64,
    direction: Direction,
    /// Whom it is about.
    subject_id: Option<SubjectId>,
    /// What it is processed for.
    purpose_id: Option<PurposeId>,
    /// Slugs of what was found in it.
    data_types: Vec<String>,
    /// Bytes.
    size: i32,
    created_at: DateTime<Utc>,
    /// From then on it cannot be read.
    expires_at: DateTime<Utc>,
    /// What its sender called it, once unsealed.
    event: Option<String>,
    /// Your own id of the member who sent it, once unsealed: on a presence channel.
    user_id: Option<String>,
    /// What it says, once unsealed: a JSON object or list as such, anything else as text.
    data: Option<Value>,
    /// Set when `data` is no text.
    encoding: Option<Encoding>,
    /// Whether `data` is left out.
    sealed: bool,
    /// Why it could not be unsealed.
    unreadable: Option<Unreadable>,
}

impl Message {
    fn sealed(message: &messages::Message, picture: &Picture) -> Self {
        let slug = |id: &DataTypeId| picture.data_type_slug(*id).map(str::to_owned);
        Self {
            id: message.id.0.to_string(),
            endpoint_id: message.endpoint,
            channel: message.channel.to_string(),
            offset: message.position,
            direction: if message.outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            subject_id: message.subject,
            purpose_id: message.purpose,
            data_types: message.data_types.iter().filter_map(slug).collect(),
            size: message.size,
            created_at: message.created_at,
            expires_at: message.expires_at,
            event: None,
            user_id: None,
            data: None,
            encoding: None,
            sealed: true,
            unreadable: None,
        }
    }

    fn unsealed(message: &messages::Message, picture: &Picture, unsealed: Unsealed) -> Self {
        let out = Self::sealed(message, picture);
        match unsealed {
            Unsealed::Says(said) => {
                let (data, encoding) = data(said.data.into());
                Self {
                    event: said.event.map(Into::into),
                    user_id: said.user.map(Into::into),
                    data: Some(data),
                    encoding,
                    sealed: false,
                    ..out
                }
            }
            Unsealed::KeyDestroyed => Self {
                unreadable: Some(Unreadable::KeyDestroyed),
                ..out
            },
            Unsealed::Restricted => Self {
                unreadable: Some(Unreadable::Restricted),
                ..out
            },
        }
    }
}

pub(crate) fn data(bytes: Vec<u8>) -> (Value, Option<Encoding>) {
    match String::from_utf8(bytes) {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => (value, None),
            _ => (Value::String(text), None),
        },
        Err(bytes) => (
            Value::String(STANDARD.encode(bytes.as_bytes())),
            Some(Encoding::Base64),
        ),
    }
}

/// Sealed or opened, as asked for. That something was opened is in the audit log before it is answered.
pub async fn answer(
    state: &State,
    scope: &TenantScope,
    found: &[messages::Message],
    unseal: Option<(Option<SubjectId>, Value)>,
) -> Result<Vec<Message>, ApiError> {
    let picture = pictures::load(&state.ctx, scope).await?;
    let Some((subject, why)) = unseal else {
        return Ok(found
            .iter()
            .map(|message| Message::sealed(message, &picture))
            .collect());
    };
    let opened = messages::unseal(&state.ctx, scope, found, subject, why).await?;
    let pairs = found.iter().zip(opened);
    Ok(pairs
        .map(|(message, unsealed)| Message::unsealed(message, &picture, unsealed))
        .collect())
}

/// What passed.
pub struct MessagesApi(pub State);

#[OpenApi(tag = "Tag::Messages")]
impl MessagesApi {
    /// Search messages.
    ///
    /// Newest first. What has expired is not found. With `unseal` every message is opened, which needs
    /// `messages:unseal` and is recorded.
    #[oai(path = "/messages", method = "get", operation_id = "list_messages")]
    async fn list(
        &self,
        caller: Caller,
        endpoint_id: Query<Option<EndpointId>>,
        /// Exactly this name.
        channel: Query<Option<String>>,
        /// About this person.
        subject_id: Query<Option<SubjectId>>,
        purpose_id: Query<Option<PurposeId>>,
        /// In which this was found.
        data_type_id: Query<Option<DataTypeId>>,
        direction: Query<Option<Direction>>,
        /// Recorded not before.
        from: Query<Option<DateTime<Utc>>>,
        /// Recorded before.
        to: Query<Option<DateTime<Utc>>>,
        /// Open them.
        unseal: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Message>>, ApiError> {
        let scope = caller.may(Permission::MessagesRead)?;
        let unseal = unseal.0.unwrap_or_default();
        if unseal {
            caller.may(Permission::MessagesUnseal)?;
        }
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = Filter {
            endpoint: endpoint_id.0,
            channel: channel.0,
            subject: subject_id.0,
            purpose: purpose_id.0,
            data_type: data_type_id.0,
            outbound: direction.0.map(|direction| direction == Direction::Outbound),
            from: from.0,
            to: to.0,
        };
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let found = messages::search(&tx, &self.0.ctx, &filter, &page).await?;
        drop(tx);
        let why = json!({ "search": filter.names() });
        let items = answer(
            &self.0,
            scope,
            &found.items,
            unseal.then_some((filter.subject, why)),
        )
        .await?;
        Ok(Json(Page {
            items,
            next_cursor: found.next_cursor,
        }))
    }

    /// Read a message.
    ///
    /// With `unseal` it is opened, which needs `messages:unseal` and is recorded.
    #[oai(path = "/messages/:message_id", method = "get", operation_id = "read_message")]
    async fn read(
        &self,
        caller: Caller,
        /// Decimal digits.
        message_id: Path<String>,
        /// Open it.
        unseal: Query<Option<bool>>,
    ) -> Result<Json<Message>, ApiError> {
        let scope = caller.may(Permission::MessagesRead)?;
        let unseal = unseal.0.unwrap_or_default();
        if unseal {
            caller.may(Permission::MessagesUnseal)?;
        }
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let message = messages::read(&tx, &self.0.ctx, parse_id(&message_id.0)?).await?;
        drop(tx);
        let subject = message.subject;
        let why = unseal.then(|| (subject, json!({ "message_id": message.id.0.to_string() })));
        let answered = answer(&self.0, scope, &[message], why).await?.pop();
        Ok(Json(answered.ok_or(Error::NotFound { what: "message" })?))
    }
}

/// A message's id from its decimal spelling. What is none is the id of nothing.
pub fn parse_id(text: &str) -> Result<MessageId, Error> {
    text.parse()
        .map(MessageId)
        .map_err(|_| Error::NotFound { what: "message" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_lists_come_as_json_and_the_rest_as_what_was_sent() {
        assert_eq!(data(b"{\"a\":1}".to_vec()), (json!({ "a": 1 }), None));
        assert_eq!(data(b"[1]".to_vec()), (json!([1]), None));
        assert_eq!(data(b"42".to_vec()), (json!("42"), None));
        assert_eq!(data(b"hello".to_vec()), (json!("hello"), None));
        assert_eq!(data(vec![0xff, 0x00]), (json!("/wA="), Some(Encoding::Base64)));
    }
}
