//! What recipients were told to do (GDPR Art. 19), and whether they said that they did, over REST.

use chrono::{DateTime, Utc};
use domain::{
    callbacks::{self, Filter, Standing},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    callback::Act,
    id::{CallbackId, EndpointId, RequestId, SubjectId, WebhookDeliveryId, WebhookId},
    recipient,
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{body::Body, caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// That a recipient is told to do as was done here.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Callback {
    id: CallbackId,
    act: Act,
    /// `pending`, `unanswered` (the receiver took it and said no more), `failed`, `acknowledged`.
    state: String,
    /// What it follows from; absent for a withdrawal.
    request_id: Option<RequestId>,
    /// Absent once the person is erased.
    subject_id: Option<SubjectId>,
    endpoint_id: EndpointId,
    webhook_id: WebhookId,
    /// Its attempts are in the log of the webhook.
    delivery_id: WebhookDeliveryId,
    /// Where the webhook led.
    host: Option<String>,
    created_at: DateTime<Utc>,
    /// When the receiver took it.
    delivered_at: Option<DateTime<Utc>>,
    acknowledged_at: Option<DateTime<Utc>>,
    /// `recipient`, or who noted it.
    acknowledged_by: Option<String>,
    note: Option<String>,
    attempts: i32,
    /// When it is tried again.
    next_attempt_at: Option<DateTime<Utc>>,
}

impl From<Standing> for Callback {
    fn from(standing: Standing) -> Self {
        let state = standing.state().to_owned();
        let waits = state == "pending";
        let Standing { row, delivery } = standing;
        Self {
            id: row.id,
            act: row.act,
            state,
            request_id: row.request_id,
            subject_id: row.subject_id,
            endpoint_id: row.endpoint_id,
            webhook_id: row.webhook_id,
            delivery_id: row.delivery_id,
            host: row.host,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            acknowledged_at: row.acknowledged_at,
            acknowledged_by: row.acknowledged_by,
            note: row.note,
            attempts: delivery.as_ref().map_or(0, |delivery| delivery.attempts_total),
            next_attempt_at: delivery.filter(|_| waits).map(|delivery| delivery.next_at),
        }
    }
}

/// A webhook whose receiver took something about a person.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Recipient {
    endpoint_id: EndpointId,
    webhook_id: WebhookId,
    host: Option<String>,
    /// Events about the person.
    events: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

impl From<recipient::Model> for Recipient {
    fn from(row: recipient::Model) -> Self {
        Self {
            endpoint_id: row.endpoint_id,
            webhook_id: row.webhook_id,
            host: row.host,
            events: row.events,
            first_at: row.first_at,
            last_at: row.last_at,
        }
    }
}

/// That it was done.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgementIn {
    /// What came with the callback.
    token: String,
    /// What there is to say.
    note: Option<String>,
}

/// That it was done, as somebody at the tenant heard.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackNoteIn {
    /// How it is known.
    note: Option<String>,
}

/// It is noted.
#[derive(ApiResponse)]
pub enum Acknowledged {
    /// Thank you.
    #[oai(status = 204)]
    Noted,
}

/// Callbacks.
pub struct CallbacksApi(pub State);

#[OpenApi(tag = "Tag::Requests")]
impl CallbacksApi {
    /// List what recipients were told.
    ///
    /// Newest first. With `acknowledged=false`: who has not answered.
    #[oai(path = "/callbacks", method = "get", operation_id = "list_callbacks")]
    async fn list(
        &self,
        caller: Caller,
        /// Of this request.
        request_id: Query<Option<RequestId>>,
        /// About this person.
        subject_id: Query<Option<SubjectId>>,
        act: Query<Option<Act>>,
        /// Only those that were answered, or only those that were not.
        acknowledged: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Callback>>, ApiError> {
        let scope = caller.may(Permission::RequestsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = Filter {
            request: request_id.0,
            subject: subject_id.0,
            act: act.0,
            acknowledged: acknowledged.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            callbacks::list(&tx, &filter, &page).await?,
            Callback::from,
        ))
    }

    /// Read what a recipient was told.
    #[oai(
        path = "/callbacks/:callback_id",
        method = "get",
        operation_id = "read_callback"
    )]
    async fn read(&self, caller: Caller, callback_id: Path<CallbackId>) -> Result<Json<Callback>, ApiError> {
        let scope = caller.may(Permission::RequestsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Json(callbacks::read(&tx, callback_id.0).await?.into()))
    }

    /// Acknowledge as the recipient.
    ///
    /// With the token that came with the callback; nothing else is needed. Again is as good as once.
    #[oai(
        path = "/callbacks/acknowledgements",
        method = "post",
        operation_id = "acknowledge_callback_by_token"
    )]
    async fn acknowledge_by_token(&self, body: Body<AcknowledgementIn>) -> Result<Acknowledged, ApiError> {
        callbacks::acknowledge_by_token(&self.0.ctx, &body.0.token, body.0.note).await?;
        Ok(Acknowledged::Noted)
    }

    /// Note that a recipient has answered.
    ///
    /// By letter, by telephone. An answer that is there already stays.
    #[oai(
        path = "/callbacks/:callback_id/acknowledge",
        method = "post",
        operation_id = "acknowledge_callback"
    )]
    async fn acknowledge(
        &self,
        caller: Caller,
        callback_id: Path<CallbackId>,
        body: Body<CallbackNoteIn>,
    ) -> Result<Json<Callback>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let done = callbacks::acknowledge(&tx, ctx, callback_id.0, body.0.note).await?;
        tx.save().await?;
        Ok(Json(done.into()))
    }

    /// List who was told of a person.
    ///
    /// The webhooks whose receivers took something about them, most lately first.
    #[oai(
        path = "/subjects/:subject_id/recipients",
        method = "get",
        operation_id = "list_subject_recipients"
    )]
    async fn recipients(
        &self,
        caller: Caller,
        subject_id: Path<SubjectId>,
    ) -> Result<Json<Page<Recipient>>, ApiError> {
        let scope = caller.may(Permission::SubjectsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        domain::subjects::read(&tx, subject_id.0).await?;
        let rows = callbacks::recipients_of(&tx, &[subject_id.0]).await?;
        Ok(Json(Page {
            items: rows.into_iter().map(Recipient::from).collect(),
            next_cursor: None,
        }))
    }
}
