//! Why data is processed, and on which lawful basis.

use sea_orm::entity::prelude::*;

use crate::{
    id::{PurposeId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// GDPR Art. 6(1) a–f, in that order.
    pub enum LawfulBasis {
        Consent = "consent",
        Contract = "contract",
        LegalObligation = "legal_obligation",
        VitalInterests = "vital_interests",
        PublicTask = "public_task",
        LegitimateInterests = "legitimate_interests",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "purpose")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PurposeId,
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub lawful_basis: LawfulBasis,
    /// Whether nothing passes before the person consented.
    pub requires_consent: bool,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
