//! A data protection impact assessment (GDPR Art. 35).

use sea_orm::entity::prelude::*;

use crate::{
    id::{DpiaId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// What an assessment came to.
    pub enum DpiaOutcome {
        /// Not decided yet.
        Draft = "draft",
        /// What is left of the risks is acceptable.
        Acceptable = "acceptable",
        /// The authority has to be consulted first (Art. 36).
        ConsultAuthority = "consult_authority",
        /// It is not to be done.
        Rejected = "rejected",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dpia")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DpiaId,
    pub tenant_id: TenantId,
    pub title: String,
    /// The processing, systematically (Art. 35(7)(a)).
    pub description: String,
    /// Necessity and proportionality (b).
    pub necessity: String,
    /// Risks and what is done about each (c, d): `domain::dpias::AssessedRisk`.
    pub risks: Json,
    /// Of the data protection officer (Art. 35(2)).
    pub advice: Option<String>,
    pub outcome: DpiaOutcome,
    /// Since when endpoints may rest on it.
    pub approved_at: Option<DateTimeUtc>,
    /// Who approved it, as the audit log names them.
    pub approved_by: Option<String>,
    /// When to look again (Art. 35(11)).
    pub review_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
