//! What is left of messages that were anonymised, over REST.

use chrono::{DateTime, Utc};
use domain::{anonymised, page::PageIn, permissions::Permission};
use entity::{
    anonymised_message,
    id::{AnonymisedMessageId, EndpointId, PurposeId},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::Value;

use crate::{caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// What is left of a message that expired under a rule that anonymises.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AnonymisedMessage {
    /// Random: it names no message.
    id: AnonymisedMessageId,
    endpoint_id: EndpointId,
    /// What it was processed for.
    purpose_id: Option<PurposeId>,
    /// The hour in which it was recorded.
    hour: DateTime<Utc>,
    /// What its sender called it.
    event: Option<String>,
    /// What is left of what it said.
    data: Value,
}

impl From<(anonymised_message::Model, anonymised::Rest)> for AnonymisedMessage {
    fn from((row, rest): (anonymised_message::Model, anonymised::Rest)) -> Self {
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            purpose_id: row.purpose_id,
            hour: row.hour,
            event: rest.event,
            data: rest.data,
        }
    }
}

/// What was removed.
#[derive(Clone, Debug, Object)]
pub struct AnonymisedRemoved {
    /// How many.
    removed: u64,
}

/// What is left of messages.
pub struct AnonymisedMessagesApi(pub State);

#[OpenApi(tag = "Tag::Retention")]
impl AnonymisedMessagesApi {
    /// List what is left of anonymised messages.
    ///
    /// In no order that says anything: ids are random.
    #[oai(
        path = "/anonymised-messages",
        method = "get",
        operation_id = "list_anonymised_messages"
    )]
    async fn list(
        &self,
        caller: Caller,
        endpoint_id: Query<Option<EndpointId>>,
        purpose_id: Query<Option<PurposeId>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<AnonymisedMessage>>, ApiError> {
        let scope = caller.may(Permission::MessagesUnseal)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = anonymised::Filter {
            endpoint: endpoint_id.0,
            purpose: purpose_id.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        let found = anonymised::list(&tx, &self.0.ctx, &filter, &page).await?;
        Ok(Page::from(found, AnonymisedMessage::from))
    }

    /// Remove what is left of an endpoint's anonymised messages.
    #[oai(
        path = "/endpoints/:endpoint_id/anonymised-messages",
        method = "delete",
        operation_id = "delete_anonymised_messages"
    )]
    async fn delete(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
    ) -> Result<Json<AnonymisedRemoved>, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let removed = anonymised::delete(&tx, &self.0.ctx, endpoint_id.0).await?;
        tx.save().await?;
        Ok(Json(AnonymisedRemoved { removed }))
    }
}
