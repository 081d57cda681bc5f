//! The laws that requests can be answered under, as the program knows them.

use domain::{
    deadlines::{self, Profile},
    permissions::Permission,
};
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::{caller::Caller, problem::ApiError, responses::Page, tags::Tag};

/// What one law asks of those who answer requests.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Jurisdiction {
    /// For `jurisdiction` of the tenant.
    key: String,
    /// What people call the law.
    name: String,
    /// How long an answer may take, counted from receipt: `1 month`, `45 days`.
    respond: String,
    /// By how much that can be put off, with notice inside it; absent: not at all.
    extend: Option<String>,
    /// How soon receipt must be confirmed, where the law says so.
    acknowledge: Option<String>,
    /// Whether an end on a weekend or a public holiday moves to the next working day.
    rolls_to_working_day: bool,
    /// What the clock may stand still for: `identity`, `clarification`.
    pauses: Vec<String>,
    /// How long the record of a request is kept after its end.
    keep_records: String,
    /// Days before the end on which members are reminded.
    remind_days: Vec<i64>,
}

impl From<&Profile> for Jurisdiction {
    fn from(profile: &Profile) -> Self {
        Self {
            key: profile.key.clone(),
            name: profile.name.clone(),
            respond: profile.respond.to_string(),
            extend: profile.extend.map(|span| span.to_string()),
            acknowledge: profile.acknowledge.map(|span| span.to_string()),
            rolls_to_working_day: profile.rolls_to_working_day,
            pauses: profile
                .pauses
                .iter()
                .map(|pause| pause.as_str().to_owned())
                .collect(),
            keep_records: profile.keep_records.to_string(),
            remind_days: profile.remind_days.clone(),
        }
    }
}

/// Jurisdictions.
pub struct JurisdictionsApi;

#[expect(
    clippy::unused_async,
    reason = "operations are async, whether they wait or not"
)]
#[OpenApi(tag = "Tag::Requests")]
impl JurisdictionsApi {
    /// List the laws that requests can be answered under.
    #[oai(path = "/jurisdictions", method = "get", operation_id = "list_jurisdictions")]
    async fn list(&self, caller: Caller) -> Result<Json<Page<Jurisdiction>>, ApiError> {
        caller.may(Permission::TenantRead)?;
        Ok(Json(Page {
            items: deadlines::profiles().iter().map(Into::into).collect(),
            next_cursor: None,
        }))
    }
}
