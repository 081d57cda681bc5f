//! What a webhook is told at once: a batch of events, waiting or told. The log of webhooks, and their outbox.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, TenantId, WebhookDeliveryId, WebhookId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// Waiting for its next attempt.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// Given up.
        Failed = "failed",
        /// Everything in it expired, was erased or withdrawn before it could be delivered.
        Expired = "expired",
    }
}

string_enum! {
    /// How an attempt failed.
    pub enum DeliveryError {
        /// It leads nowhere, or where it must not, or the connection broke. Which of these is nobody's business: an answer
        /// would be a map of the networks behind this server.
        Unreachable = "unreachable",
        /// No answer in time.
        Timeout = "timeout",
        /// An answer other than 2xx.
        Status = "status",
        /// The receiver answered 410.
        Gone = "gone",
        /// It waited too long.
        TooOld = "too_old",
        /// Our fault.
        Internal = "internal",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookDeliveryId,
    pub tenant_id: TenantId,
    pub webhook_id: WebhookId,
    pub endpoint_id: EndpointId,
    pub state: DeliveryState,
    /// One bit per kind of event in it.
    pub kinds: i32,
    /// How many events of which kind it was made of.
    pub counts: Json,
    /// How many events it was made of.
    pub events: i32,
    /// How many of them were in the last attempt.
    pub sent: Option<i32>,
    /// Attempts since it was made or asked for again.
    pub attempts: i32,
    /// All attempts.
    pub attempts_total: i32,
    pub next_at: DateTimeUtc,
    /// Of the last attempt.
    pub status: Option<i32>,
    /// Of the last attempt, in milliseconds.
    pub duration_ms: Option<i32>,
    /// Of the last attempt.
    pub error: Option<DeliveryError>,
    pub created_at: DateTimeUtc,
    /// When it was made or asked for again: what is given up is counted from here.
    pub begun_at: DateTimeUtc,
    /// When it was delivered or given up.
    pub finished_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
