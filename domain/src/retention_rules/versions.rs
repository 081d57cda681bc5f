//! What rules said before, who changed them and why. Append-only.

use chrono::{DateTime, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId, TenantId},
    retention_rule::{self, RetentionAction, RetentionKind, RetentionTarget},
    retention_rule_version,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    page::{Cursor, Page, PageIn},
    tenancy::TenantTx,
};

/// A rule as it is remembered; its fields are those of [`super::NewRule`]. Stored, so none is ever renamed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The rule.
    pub id: RetentionRuleId,
    /// For people.
    pub name: String,
    /// What it was about.
    pub target: RetentionTarget,
    /// What it demanded.
    #[serde(default = "deletion")]
    pub kind: RetentionKind,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
    /// Only in channels that fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_pattern: Option<String>,
    /// Only messages that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type_id: Option<DataTypeId>,
    /// Only for this purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_id: Option<PurposeId>,
    /// ISO 8601.
    pub duration: String,
    /// What happened then.
    pub action: RetentionAction,
    /// Whether it acted.
    pub enabled: bool,
    /// When the rule was made.
    pub created_at: DateTime<Utc>,
    /// When it became like this.
    pub updated_at: DateTime<Utc>,
    /// The number of this version.
    pub version: i32,
    /// Whether this is its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// Versions from before there was another kind do not say it.
fn deletion() -> RetentionKind {
    RetentionKind::Deletion
}

impl From<&retention_rule::Model> for Snapshot {
    fn from(rule: &retention_rule::Model) -> Self {
        Self {
            id: rule.id,
            name: rule.name.clone(),
            target: rule.target,
            kind: rule.kind,
            source: rule.source.clone(),
            endpoint_id: rule.endpoint_id,
            channel_pattern: rule.channel_pattern.clone(),
            data_type_id: rule.data_type_id,
            purpose_id: rule.purpose_id,
            duration: rule.duration.clone(),
            action: rule.action,
            enabled: rule.enabled,
            created_at: rule.created_at,
            updated_at: rule.updated_at,
            version: rule.version,
            deleted: false,
        }
    }
}

impl Snapshot {
    /// The rule as a row of this tenant.
    pub(super) fn into_row(self, tenant: TenantId) -> retention_rule::Model {
        retention_rule::Model {
            id: self.id,
            tenant_id: tenant,
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
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        }
    }
}

/// One version of a rule.
#[derive(Clone, Debug)]
pub struct Version {
    /// From 1.
    pub number: i32,
    /// When it began.
    pub changed_at: DateTime<Utc>,
    /// `member:<id>`, `api_key:<id>` or `system`.
    pub changed_by: String,
    /// What whoever changed it said.
    pub why: Option<String>,
    /// The rule from then on.
    pub rule: Snapshot,
}

/// Remembers a rule as it stands from now on.
pub(super) async fn record(tx: &TenantTx, rule: &Snapshot, why: Option<String>) -> Result<()> {
    let row = retention_rule_version::ActiveModel {
        rule_id: Set(rule.id),
        number: Set(rule.version),
        snapshot: Set(serde_json::to_value(rule)?),
        changed_by: Set(tx.actor().to_string()),
        changed_at: Set(rule.updated_at),
        why: Set(why),
        ..Default::default()
    };
    tx.insert(row).await?;
    Ok(())
}

/// Lists what a rule said, newest first; also of a rule that was deleted.
pub async fn list_versions(tx: &TenantTx, rule: RetentionRuleId, page: &PageIn) -> Result<Page<Version>> {
    use retention_rule_version::Column;
    let mut rows = tx
        .find::<retention_rule_version::Entity>()
        .filter(Column::RuleId.eq(rule))
        .order_by_desc(Column::Number)
        .limit(page.limit + 1);
    let after = page.after_number()?;
    if let Some(after) = after {
        rows = rows.filter(Column::Number.lt(after));
    }
    let rows = rows.all(tx.conn()).await?;
    // Every rule has a first version, so a first page without any is of no rule of this tenant.
    if rows.is_empty() && after.is_none() {
        return Err(Error::NotFound {
            what: "retention rule",
        });
    }
    let versions = rows
        .into_iter()
        .map(|row| {
            Ok(Version {
                number: row.number,
                changed_at: row.changed_at,
                changed_by: row.changed_by,
                why: row.why,
                rule: serde_json::from_value(row.snapshot)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Page::cut(versions, page, |version: &Version| {
        Cursor::Number(version.number.into())
    }))
}
