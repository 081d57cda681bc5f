//! What a hold is made and changed from.

use chrono::{DateTime, Utc};
use entity::{
    hold::{self, HoldState},
    id::{DataTypeId, EndpointId, PurposeId, SubjectId},
};
use uuid::Uuid;

use crate::{
    duration::Kept,
    error::{Error, Faults, Result},
    fields,
};

/// How often a hold is reviewed when nobody says: it must not be forgotten.
const REVIEW_EVERY: &str = "P90D";
/// Longest pattern, in characters; a channel's name is no longer.
const MAX_PATTERN: usize = 200;

/// A hold to be placed. What is not named is not limited: a hold that names nothing covers everything.
#[derive(Clone, Debug, Default)]
pub struct NewHold {
    /// For people; typed again to lift it.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who wants it: a court, an authority, a file number.
    pub authority: Option<String>,
    /// Only on this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Only on channels that fit.
    pub channel_pattern: Option<String>,
    /// Only about this person.
    pub subject_id: Option<SubjectId>,
    /// Only messages in which it was found.
    pub data_type_id: Option<DataTypeId>,
    /// Only messages for this purpose.
    pub purpose_id: Option<PurposeId>,
    /// Only what was recorded from then on.
    pub recorded_from: Option<DateTime<Utc>>,
    /// Only what was recorded before.
    pub recorded_to: Option<DateTime<Utc>>,
    /// Default now.
    pub starts_at: Option<DateTime<Utc>>,
    /// Default never.
    pub ends_at: Option<DateTime<Utc>>,
    /// ISO 8601. Default 90 days.
    pub review_every: Option<String>,
}

impl NewHold {
    /// A row but for id, tenant, number and who.
    pub(super) fn check(self, now: DateTime<Utc>) -> Result<hold::Model> {
        let nobody = Uuid::nil();
        let starts_at = self.starts_at.unwrap_or(now);
        let row = hold::Model {
            id: nobody.into(),
            tenant_id: nobody.into(),
            number: 0,
            name: self.name.trim().to_owned(),
            reason: self.reason,
            authority: self.authority,
            endpoint_id: self.endpoint_id,
            channel_pattern: self.channel_pattern,
            subject_id: self.subject_id,
            data_type_id: self.data_type_id,
            purpose_id: self.purpose_id,
            recorded_from: self.recorded_from,
            recorded_to: self.recorded_to,
            starts_at,
            ends_at: self.ends_at,
            review_every: self.review_every.unwrap_or_else(|| REVIEW_EVERY.to_owned()),
            next_review_at: now,
            state: HoldState::Active,
            placed_by: String::new(),
            placed_index: 0,
            created_at: now,
            updated_at: now,
            lifted_at: None,
            lifted_by: None,
            lifted_why: None,
            lifted_index: None,
            cleared_at: None,
            cleared_index: None,
            version: 1,
        };
        let mut faults = Faults::default();
        if let Some(pattern) = &row.channel_pattern {
            let length = pattern.chars().count();
            faults.check(
                (1..=MAX_PATTERN).contains(&length) && !pattern.chars().any(char::is_control),
                "/channel_pattern",
                "not_a_pattern",
                format!("use 1 to {MAX_PATTERN} characters, in which * stands for any run of characters"),
            );
        }
        if let (Some(from), Some(to)) = (row.recorded_from, row.recorded_to) {
            faults.check(
                from < to,
                "/recorded_to",
                "out_of_order",
                "must come after recorded_from",
            );
        }
        check(faults, row, now)
    }
}

/// What to change of a hold. `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct HoldPatch {
    /// See [`NewHold`].
    pub name: Option<String>,
    /// See [`NewHold`].
    pub reason: Option<String>,
    /// See [`NewHold`].
    pub authority: Option<Option<String>>,
    /// See [`NewHold`].
    pub ends_at: Option<Option<DateTime<Utc>>>,
    /// See [`NewHold`].
    pub review_every: Option<String>,
}

impl HoldPatch {
    /// The row as it is to be.
    pub(super) fn check(self, row: hold::Model, now: DateTime<Utc>) -> Result<hold::Model> {
        let next_review_at = row.next_review_at;
        let reviewed_anew = self.review_every.is_some();
        let row = hold::Model {
            name: self.name.map_or(row.name, |name| name.trim().to_owned()),
            reason: self.reason.unwrap_or(row.reason),
            authority: self.authority.unwrap_or(row.authority),
            ends_at: self.ends_at.unwrap_or(row.ends_at),
            review_every: self.review_every.unwrap_or(row.review_every),
            ..row
        };
        let mut row = check(Faults::default(), row, now)?;
        if !reviewed_anew {
            row.next_review_at = next_review_at;
        }
        Ok(row)
    }
}

/// Checks everything that needs no store, and computes the next review.
fn check(mut faults: Faults, mut row: hold::Model, now: DateTime<Utc>) -> Result<hold::Model> {
    fields::name(&mut faults, "/name", &row.name);
    faults.check(
        !row.reason.trim().is_empty(),
        "/reason",
        "empty",
        "say why, for whoever reviews it",
    );
    fields::text(&mut faults, "/reason", Some(&row.reason));
    fields::text(&mut faults, "/authority", row.authority.as_deref());
    faults.check(
        row.ends_at.is_none_or(|end| end > row.starts_at && end > now),
        "/ends_at",
        "out_of_order",
        "must come after starts_at, and after now",
    );
    match row.review_every.parse::<Kept>() {
        Ok(Kept::Nothing) => faults.add(
            "/review_every",
            "out_of_range",
            "a hold is reviewed once in a while: say a time, such as P90D",
        ),
        Ok(kept) => {
            row.review_every = kept.to_string();
            row.next_review_at = kept.until(now.max(row.starts_at));
        }
        Err(error) => faults.add("/review_every", error.code(), error.to_string()),
    }
    faults.finish()?;
    Ok(row)
}

pub(super) fn next_review(every: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let every: Kept = every.parse().map_err(Error::internal)?;
    Ok(every.until(now))
}
