//! What a rule is made and changed from.

use chrono::{DateTime, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId},
    retention_rule::{self, RetentionAction, RetentionKind, RetentionTarget},
};
use uuid::Uuid;

use crate::{
    duration::Kept,
    error::{Faults, Result},
    fields,
};

/// Longest pattern, in characters; a channel's name is no longer.
const MAX_PATTERN: usize = 200;

/// A rule to be made.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// For people.
    pub name: String,
    /// What it is about.
    pub target: RetentionTarget,
    /// What it demands.
    pub kind: RetentionKind,
    /// Where it comes from: a law, a contract, a decision.
    pub source: Option<String>,
    /// Only here.
    pub endpoint_id: Option<EndpointId>,
    /// Only in channels that fit: `*` stands for any run of characters.
    pub channel_pattern: Option<String>,
    /// Only messages that have it.
    pub data_type_id: Option<DataTypeId>,
    /// Only for this purpose.
    pub purpose_id: Option<PurposeId>,
    /// ISO 8601, see [`crate::duration`].
    pub duration: String,
    /// What happens then.
    pub action: RetentionAction,
    /// Whether it acts.
    pub enabled: bool,
}

impl NewRule {
    /// A rule that deletes messages, whatever they are, after this time.
    pub fn new(name: impl Into<String>, duration: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            target: RetentionTarget::Messages,
            kind: RetentionKind::Deletion,
            source: None,
            endpoint_id: None,
            channel_pattern: None,
            data_type_id: None,
            purpose_id: None,
            duration: duration.into(),
            action: RetentionAction::Delete,
            enabled: true,
        }
    }

    /// A row but for id, tenant and times.
    pub(super) fn check(self) -> Result<retention_rule::Model> {
        let nobody = Uuid::nil();
        check(retention_rule::Model {
            id: nobody.into(),
            tenant_id: nobody.into(),
            name: self.name,
            target: self.target,
            kind: self.kind,
            source: self.source,
            endpoint_id: self.endpoint_id,
            channel_pattern: self.channel_pattern,
            data_type_id: self.data_type_id,
            purpose_id: self.purpose_id,
            duration: self.duration,
            action: self.action,
            enabled: self.enabled,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            updated_at: DateTime::<Utc>::UNIX_EPOCH,
            version: 1,
        })
    }
}

/// What to change of a rule. `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct RulePatch {
    /// See [`NewRule`].
    pub name: Option<String>,
    /// See [`NewRule`].
    pub target: Option<RetentionTarget>,
    /// See [`NewRule`].
    pub kind: Option<RetentionKind>,
    /// See [`NewRule`].
    pub source: Option<Option<String>>,
    /// See [`NewRule`].
    pub endpoint_id: Option<Option<EndpointId>>,
    /// See [`NewRule`].
    pub channel_pattern: Option<Option<String>>,
    /// See [`NewRule`].
    pub data_type_id: Option<Option<DataTypeId>>,
    /// See [`NewRule`].
    pub purpose_id: Option<Option<PurposeId>>,
    /// See [`NewRule`].
    pub duration: Option<String>,
    /// See [`NewRule`].
    pub action: Option<RetentionAction>,
    /// See [`NewRule`].
    pub enabled: Option<bool>,
}

impl RulePatch {
    /// The row as it is to be.
    pub(super) fn check(self, row: retention_rule::Model) -> Result<retention_rule::Model> {
        check(retention_rule::Model {
            name: self.name.unwrap_or(row.name),
            target: self.target.unwrap_or(row.target),
            kind: self.kind.unwrap_or(row.kind),
            source: self.source.unwrap_or(row.source),
            endpoint_id: self.endpoint_id.unwrap_or(row.endpoint_id),
            channel_pattern: self.channel_pattern.unwrap_or(row.channel_pattern),
            data_type_id: self.data_type_id.unwrap_or(row.data_type_id),
            purpose_id: self.purpose_id.unwrap_or(row.purpose_id),
            duration: self.duration.unwrap_or(row.duration),
            action: self.action.unwrap_or(row.action),
            enabled: self.enabled.unwrap_or(row.enabled),
            ..row
        })
    }
}

/// Checks everything that needs no store and writes the duration in its canonical form.
fn check(mut rule: retention_rule::Model) -> Result<retention_rule::Model> {
    let mut faults = Faults::default();
    fields::name(&mut faults, "/name", &rule.name);
    match rule.duration.parse::<Kept>() {
        Ok(kept) => rule.duration = kept.to_string(),
        Err(error) => faults.add("/duration", error.code(), error.to_string()),
    }
    if let Some(pattern) = &rule.channel_pattern {
        let length = pattern.chars().count();
        faults.check(
            (1..=MAX_PATTERN).contains(&length) && !pattern.chars().any(char::is_control),
            "/channel_pattern",
            "not_a_pattern",
            format!("use 1 to {MAX_PATTERN} characters, in which * stands for any run of characters"),
        );
    }
    fields::text(&mut faults, "/source", rule.source.as_deref());
    let messages = rule.target == RetentionTarget::Messages;
    faults.check(
        messages || rule.kind == RetentionKind::Deletion,
        "/kind",
        "unexpected",
        "only a rule about messages can be a legal minimum",
    );
    faults.check(
        rule.action == RetentionAction::Delete || messages && rule.kind == RetentionKind::Deletion,
        "/action",
        "unexpected",
        "only a rule that ends messages can anonymise them",
    );
    let scopes = [
        (
            "/endpoint_id",
            rule.endpoint_id.is_some(),
            rule.target != RetentionTarget::AuditEvents,
        ),
        ("/channel_pattern", rule.channel_pattern.is_some(), messages),
        ("/data_type_id", rule.data_type_id.is_some(), messages),
        ("/purpose_id", rule.purpose_id.is_some(), messages),
    ];
    for (field, given, taken) in scopes {
        faults.check(
            taken || !given,
            field,
            "unexpected",
            format!("a rule about {} does not take it", rule.target),
        );
    }
    faults.finish()?;
    Ok(rule)
}

pub(super) fn check_why(why: Option<&str>) -> Result<()> {
    let mut faults = Faults::default();
    fields::text(&mut faults, "/why", why);
    faults.finish()
}
