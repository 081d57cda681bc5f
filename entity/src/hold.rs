//! A legal hold: what it covers is kept, whatever rules say, until it is lifted.

use sea_orm::entity::prelude::*;

use crate::{
    id::{DataTypeId, EndpointId, HoldId, PurposeId, SubjectId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Where a hold stands.
    pub enum HoldState {
        /// It stands, from its start on.
        Active = "active",
        /// Somebody lifted it.
        Lifted = "lifted",
        /// Its end came.
        Ended = "ended",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hold")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: HoldId,
    pub tenant_id: TenantId,
    /// What its key is filed under in the vault, where a class's id stands otherwise. From the same numbers.
    pub number: i64,
    pub name: String,
    pub reason: String,
    /// Who wants it: a court, an authority, a file number.
    pub authority: Option<String>,
    pub endpoint_id: Option<EndpointId>,
    /// `*` stands for any run of characters.
    pub channel_pattern: Option<String>,
    pub subject_id: Option<SubjectId>,
    pub data_type_id: Option<DataTypeId>,
    pub purpose_id: Option<PurposeId>,
    /// Only what was recorded from then on.
    pub recorded_from: Option<DateTimeUtc>,
    /// Only what was recorded before.
    pub recorded_to: Option<DateTimeUtc>,
    pub starts_at: DateTimeUtc,
    pub ends_at: Option<DateTimeUtc>,
    /// ISO 8601.
    pub review_every: String,
    pub next_review_at: DateTimeUtc,
    pub state: HoldState,
    /// `member:<id>` or `api_key:<id>`.
    pub placed_by: String,
    /// The leaf that says so.
    pub placed_index: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// When it was lifted, or ended.
    pub lifted_at: Option<DateTimeUtc>,
    pub lifted_by: Option<String>,
    pub lifted_why: Option<String>,
    /// The leaf that says so.
    pub lifted_index: Option<i64>,
    /// When nothing was left of what it kept.
    pub cleared_at: Option<DateTimeUtc>,
    /// The leaf that says so.
    pub cleared_index: Option<i64>,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
