//! A piece of background work. Written in the transaction that makes it necessary.

use sea_orm::entity::prelude::*;

use crate::{
    id::{JobId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Where a job stands.
    pub enum JobState {
        /// Waiting for `run_at`, or claimed until `locked_until`.
        Ready = "ready",
        Done = "done",
        /// Gave up after its last attempt; the reason is in `last_error`.
        Dead = "dead",
        /// Called off by a person before it was done.
        Cancelled = "cancelled",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    pub tenant_id: TenantId,
    /// Imperative: `fulfil_request`.
    pub kind: String,
    pub payload: Json,
    pub state: JobState,
    pub attempts: i32,
    pub run_at: DateTimeUtc,
    /// The worker that claimed it.
    pub locked_by: Option<String>,
    pub locked_until: Option<DateTimeUtc>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
