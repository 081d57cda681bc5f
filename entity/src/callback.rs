//! That a recipient is told to do as was done here (GDPR Art. 19), and whether it said that it did.

use sea_orm::entity::prelude::*;

use crate::{
    id::{CallbackId, EndpointId, RequestId, SubjectId, TenantId, WebhookDeliveryId, WebhookId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// What a recipient is told.
    pub enum Act {
        /// The person's data were erased (Art. 17(1)).
        Erasure = "erasure",
        /// Something was corrected (Art. 16).
        Rectification = "rectification",
        /// Processing is restricted (Art. 18).
        Restriction = "restriction",
        /// A consent was withdrawn (Art. 7(3)).
        Withdrawal = "withdrawal",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "callback")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CallbackId,
    pub tenant_id: TenantId,
    pub act: Act,
    /// What it follows from; none for a withdrawal.
    pub request_id: Option<RequestId>,
    /// Gone once the person is erased.
    pub subject_id: Option<SubjectId>,
    pub webhook_id: WebhookId,
    pub endpoint_id: EndpointId,
    pub delivery_id: WebhookDeliveryId,
    /// Where the webhook led.
    pub host: Option<String>,
    pub created_at: DateTimeUtc,
    /// Fingerprint of what the recipient acknowledges it with.
    pub token_hash: Vec<u8>,
    /// When the receiver took it.
    pub delivered_at: Option<DateTimeUtc>,
    pub acknowledged_at: Option<DateTimeUtc>,
    /// `recipient`, or the member or key that noted it.
    pub acknowledged_by: Option<String>,
    /// What was said with it.
    pub note: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
