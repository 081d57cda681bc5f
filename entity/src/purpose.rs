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

string_enum! {
    /// GDPR Art. 9(2) a–j, in that order: what makes processing of special categories lawful.
    pub enum SpecialBasis {
        ExplicitConsent = "explicit_consent",
        EmploymentAndSocialSecurity = "employment_and_social_security",
        VitalInterests = "vital_interests",
        NotForProfitBody = "not_for_profit_body",
        MadePublic = "made_public",
        LegalClaims = "legal_claims",
        SubstantialPublicInterest = "substantial_public_interest",
        HealthCare = "health_care",
        PublicHealth = "public_health",
        ArchivingAndResearch = "archiving_and_research",
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
    /// How long a consent to it holds; ISO 8601. None: until it is withdrawn.
    pub consent_validity: Option<String>,
    /// Why the interests of the persons do not override (GDPR Art. 6(1)(f)).
    pub balancing_note: Option<String>,
    /// What makes it lawful where special categories of data are concerned.
    pub special_basis: Option<SpecialBasis>,
    /// Whether `Sec-GPC: 1` is an objection to it: selling, sharing, following people around.
    pub honours_gpc: bool,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
