//! A customer organisation: the unit of isolation.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, macros::string_enum};

string_enum! {
    /// Which requests from the privacy page wait for a decision before they are carried out.
    pub enum RequestApproval {
        /// Those that a machine should not decide.
        Doubtful = "doubtful",
        /// All.
        Always = "always",
    }
}

string_enum! {
    /// Whom the tenant believes about who a person is, for requests through OpenDSR.
    pub enum OpendsrTrust {
        /// Nobody: the door is closed.
        Closed = "closed",
        /// The controller's system, which has checked: requests are carried out.
        Controller = "controller",
        /// The person: requests wait until whoever reads the mail of the address confirms them.
        Person = "person",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TenantId,
    /// Unique; part of `/connect/{tenant}/…` and `/privacy/{tenant}`.
    pub slug: String,
    pub name: String,
    /// Shown to data subjects as the address for questions.
    pub contact_email: Option<String>,
    /// BCP 47, of pages and mails.
    pub language: String,
    /// Which profile of deadlines applies: `gdpr`, …
    pub jurisdiction: String,
    /// The time zone that its days are counted in (IANA).
    pub time_zone: String,
    /// Whose public holidays move deadlines: `DE`, …
    pub holidays: Option<String>,
    /// Which requests wait for a decision.
    pub request_approval: RequestApproval,
    /// Whether a decision to carry a request out takes two.
    pub four_eyes: bool,
    /// Who vouches for persons in requests through OpenDSR.
    pub opendsr_trust: OpendsrTrust,
    /// Ceilings; see `domain::quotas`.
    pub quotas: Json,
    /// How long a change of rules waits that would destroy something before that; ISO 8601, `P0D`: not at all.
    pub retention_grace: String,
    /// Whether a change of rules that would destroy something early needs a second member's consent.
    pub retention_approval: bool,
    /// Who answers for the processing; see `domain::controllers`.
    pub controller: Option<Json>,
    pub created_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
