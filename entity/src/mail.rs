//! The outbox: a mail waiting to be sent, or sent. Written in the transaction that makes it necessary.

use sea_orm::entity::prelude::*;

use crate::{
    id::{MailId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Where a mail stands.
    pub enum MailState {
        Queued = "queued",
        Sent = "sent",
        Failed = "failed",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MailId,
    pub tenant_id: TenantId,
    /// Which text: `verify_email`, `portal_code`, …
    pub template: String,
    /// BCP 47.
    pub language: String,
    /// Recipient and what the template is filled with, sealed under the tenant's key; emptied once sent.
    pub sealed: Option<Vec<u8>>,
    pub state: MailState,
    pub attempts: i32,
    pub next_attempt_at: DateTimeUtc,
    pub locked_until: Option<DateTimeUtc>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    pub sent_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
