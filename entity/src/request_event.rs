//! One step of a request. Append-only.

use sea_orm::entity::prelude::*;

use crate::{
    id::{RequestEventId, RequestId, TenantId},
    macros::string_enum,
    request::RequestState,
    tenant_owned,
};

string_enum! {
    /// What happened with a request while its state stayed.
    pub enum RequestStep {
        /// The answer takes longer.
        Extended = "extended",
        /// The clock stands still.
        Paused = "paused",
        /// It goes on.
        Resumed = "resumed",
        /// The person was told that the request arrived.
        Acknowledged = "acknowledged",
        /// The end of what was asked for is announced.
        Lifting = "lifting",
        /// It has ended.
        Lifted = "lifted",
        /// The first of two approved.
        ApprovedFirst = "approved_first",
        /// Those who answer were reminded.
        Reminder = "reminder",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RequestEventId,
    pub tenant_id: TenantId,
    pub request_id: RequestId,
    pub at: DateTimeUtc,
    pub from_state: Option<RequestState>,
    pub to_state: RequestState,
    /// `subject`, `member:<id>`, `api_key:<id>` or `system`.
    pub actor: String,
    /// What happened, where the state stayed.
    pub what: Option<RequestStep>,
    pub note: Option<String>,
    /// What the person was told with it.
    pub words: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
