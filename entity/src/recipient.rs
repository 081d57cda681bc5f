//! That a webhook was told of a person: who actually got what (GDPR Art. 15(1)(c), 19).

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, SubjectId, TenantId, WebhookId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recipient")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub webhook_id: WebhookId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: SubjectId,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    /// Where the webhook leads; kept when the webhook is gone.
    pub host: Option<String>,
    /// Events about the person that the receiver took.
    pub events: i64,
    pub first_at: DateTimeUtc,
    pub last_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
