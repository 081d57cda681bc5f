//! An address of the tenant's that is told what happens on an endpoint.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, TenantId, WebhookId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Why a webhook is off, where nobody of the tenant switched it off.
    pub enum DisabledReason {
        /// The receiver answered 410.
        Gone = "gone",
        /// Nothing was delivered for days.
        Failing = "failing",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookId,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    /// Where to; none: nothing is sent, channels' comings and goings are kept to be read.
    pub url: Option<String>,
    pub description: Option<String>,
    /// One bit per kind of event (`domain::webhooks::EventKind`).
    pub events: i32,
    /// Only of channels whose name begins so.
    pub channel_prefix: Option<String>,
    pub enabled: bool,
    pub disabled_reason: Option<DisabledReason>,
    pub disabled_at: Option<DateTimeUtc>,
    /// Signs deliveries; sealed under the tenant's key.
    pub secret_sealed: Vec<u8>,
    /// The secret before the last rotation, which signs too until `previous_secret_until`.
    pub previous_secret_sealed: Option<Vec<u8>>,
    pub previous_secret_until: Option<DateTimeUtc>,
    /// Names the keys of what no retention rule keeps, while it is on its way.
    pub transit_class: i64,
    /// When the first of the failures came that no success followed.
    pub failing_since: Option<DateTimeUtc>,
    /// When there is something to do for the worker; none: nothing waits.
    pub due_at: Option<DateTimeUtc>,
    /// The worker that delivers now has it until then.
    pub locked_until: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
