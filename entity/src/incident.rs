//! A personal-data breach (GDPR Art. 4(12)), in the register that holds all of them (Art. 33(5)).

use sea_orm::entity::prelude::*;

use crate::{
    id::{IncidentId, JobId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// How far it has come.
    pub enum IncidentState {
        /// It is going on, or what it was is not known yet.
        Open = "open",
        /// It has been stopped.
        Contained = "contained",
        /// Everything is done, and the lessons are drawn.
        Closed = "closed",
    }
}

string_enum! {
    /// What got out.
    pub enum Exposure {
        /// What passed or was read in the clear.
        Live = "live",
        /// A copy of the store, which is sealed.
        Stored = "stored",
        /// A copy of the store, and of the vault with its page keys.
        StoredWithKeys = "stored_with_keys",
    }
}

string_enum! {
    /// What it means for the rights and freedoms of persons (Art. 33(1), 34(1)).
    pub enum Risk {
        /// Not known yet: treated like a risk.
        Unknown = "unknown",
        /// Nobody has to be told; it stays in the register.
        Unlikely = "unlikely",
        /// The authority has to be told.
        Risk = "risk",
        /// The persons have to be told too.
        High = "high",
    }
}

string_enum! {
    /// Why persons need not be told in spite of a high risk (Art. 34(3) a–c).
    pub enum Exemption {
        Unintelligible = "unintelligible",
        RiskRemoved = "risk_removed",
        Disproportionate = "disproportionate",
    }
}

string_enum! {
    /// What the job that computes a scope does.
    pub enum ScopeStep {
        /// Counts messages, kind by kind.
        Counting = "counting",
        /// Notes the persons.
        Noting = "noting",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "incident")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IncidentId,
    pub tenant_id: TenantId,
    pub title: String,
    pub state: IncidentState,
    /// `confidentiality`, `integrity`, `availability`.
    pub nature: Json,
    pub exposure: Exposure,
    pub risk: Risk,
    /// What happened.
    pub facts: String,
    /// Likely consequences.
    pub effects: Option<String>,
    /// Taken or proposed.
    pub measures: Option<String>,
    pub lessons: Option<String>,
    /// Why the authority was told after 72 hours.
    pub late_reason: Option<String>,
    pub exemption: Option<Exemption>,
    /// Where; empty: everywhere.
    pub endpoint_ids: Json,
    pub started_at: DateTimeUtc,
    /// None: still going on.
    pub ended_at: Option<DateTimeUtc>,
    /// When the clock began.
    pub aware_at: DateTimeUtc,
    /// When the authority was told first.
    pub notified_at: Option<DateTimeUtc>,
    /// How many of the clock's reminders were sent.
    pub reminded: i32,
    /// `domain::incidents::Scope`.
    pub scope: Option<Json>,
    pub scoped_at: Option<DateTimeUtc>,
    /// The job that computes it, while one does.
    pub scope_job_id: Option<JobId>,
    /// What that job does.
    pub scope_step: Option<ScopeStep>,
    /// Kinds or persons that it has done.
    pub scope_done: i64,
    /// Of so many.
    pub scope_total: i64,
    /// The job that tells the persons, the last one that was ordered.
    pub mail_job_id: Option<JobId>,
    pub closed_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
