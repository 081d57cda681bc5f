//! A class's balance at one moment, as its leaf in the log says it: ingested = live + deleted + anonymised + held.

use sea_orm::entity::prelude::*;

use crate::{
    id::{BalanceId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "balance")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BalanceId,
    pub tenant_id: TenantId,
    pub class_id: i64,
    pub at: DateTimeUtc,
    pub ingested: i64,
    pub live: i64,
    pub deleted: i64,
    pub anonymised: i64,
    /// Held and not live any more.
    pub held: i64,
    /// Ingested less all others; 0, or something is wrong.
    pub difference: i64,
    /// The leaf.
    pub log_index: i64,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
