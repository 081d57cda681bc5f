//! Consents that are taken over in bulk: how far that has come.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ConsentImportId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// How far an import has come.
    pub enum ImportState {
        Running = "running",
        Completed = "completed",
    }
}

string_enum! {
    /// What the lines are.
    pub enum ImportFormat {
        /// A JSON object in every line.
        Ndjson = "ndjson",
        /// RFC 4180, with names in the first line.
        Csv = "csv",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_import")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConsentImportId,
    pub tenant_id: TenantId,
    pub state: ImportState,
    pub format: ImportFormat,
    /// Who ordered it.
    pub actor: String,
    /// Lines that hold a consent.
    pub lines: i64,
    /// Lines that were looked at.
    pub done: i64,
    /// Of those: consents that are now recorded.
    pub recorded: i64,
    /// Of those: recorded by an earlier line or import.
    pub repeated: i64,
    /// Of those: refused; see `consent_import_fault`.
    pub failed: i64,
    pub created_at: DateTimeUtc,
    pub finished_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
