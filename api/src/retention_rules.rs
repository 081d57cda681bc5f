//! Retention rules over REST. What they mean for what is stored is `retention`'s.

use chrono::{DateTime, Utc};
use domain::{
    page::PageIn,
    permissions::Permission,
    pictures, retention_rules,
    retention_rules::{NewRule, Outcome, Proposal, RulePatch, Snapshot, Version},
    tenancy::TenantScope,
};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId},
    retention_rule::{self, RetentionAction, RetentionKind, RetentionTarget},
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Page, Versioned, etag},
    retention_changes::RetentionChange,
    state::State,
    tags::Tag,
    versions::expected,
};

/// A retention rule to be made.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleIn {
    /// What people call it.
    name: String,
    /// What it is about. Default `messages`.
    target: Option<RetentionTarget>,
    /// What it demands. Default `deletion`: it goes at the end. `legal_minimum`: it stays until then, whatever else is
    /// said (messages).
    kind: Option<RetentionKind>,
    /// Where it comes from: a law, a contract, a decision.
    source: Option<String>,
    /// Only on this endpoint (messages and connections).
    endpoint_id: Option<EndpointId>,
    /// Only on channels that fit: `*` stands for any run of characters (messages).
    channel_pattern: Option<String>,
    /// Only messages in which it was found.
    data_type_id: Option<DataTypeId>,
    /// Only messages processed for it.
    purpose_id: Option<PurposeId>,
    /// ISO 8601 in whole units: `PT2S`, `P30D`, `P6M`; `P0D` for never recorded.
    duration: String,
    /// What happens then. Default `delete`. `anonymise` (messages): what the catalogue knows to be personal goes, and so do
    /// who, the channel and the time; the rest stays among the anonymised messages.
    action: Option<RetentionAction>,
    /// Default true.
    enabled: Option<bool>,
    /// Why, for whoever asks later. Kept with the version.
    pub(crate) why: Option<String>,
}

impl From<RuleIn> for NewRule {
    fn from(input: RuleIn) -> Self {
        Self {
            name: input.name,
            target: input.target.unwrap_or(RetentionTarget::Messages),
            kind: input.kind.unwrap_or(RetentionKind::Deletion),
            source: input.source,
            endpoint_id: input.endpoint_id,
            channel_pattern: input.channel_pattern,
            data_type_id: input.data_type_id,
            purpose_id: input.purpose_id,
            duration: input.duration,
            action: input.action.unwrap_or(RetentionAction::Delete),
            enabled: input.enabled.unwrap_or(true),
        }
    }
}

/// Changes to a rule. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePatchIn {
    name: Option<String>,
    target: Option<RetentionTarget>,
    kind: Option<RetentionKind>,
    #[serde(default)]
    source: MaybeUndefined<String>,
    #[serde(default)]
    endpoint_id: MaybeUndefined<EndpointId>,
    #[serde(default)]
    channel_pattern: MaybeUndefined<String>,
    #[serde(default)]
    data_type_id: MaybeUndefined<DataTypeId>,
    #[serde(default)]
    purpose_id: MaybeUndefined<PurposeId>,
    duration: Option<String>,
    action: Option<RetentionAction>,
    enabled: Option<bool>,
    /// Why, for whoever asks later. Kept with the version.
    why: Option<String>,
}

impl From<RulePatchIn> for RulePatch {
    fn from(input: RulePatchIn) -> Self {
        Self {
            name: input.name,
            target: input.target,
            kind: input.kind,
            source: input.source.into(),
            endpoint_id: input.endpoint_id.into(),
            channel_pattern: input.channel_pattern.into(),
            data_type_id: input.data_type_id.into(),
            purpose_id: input.purpose_id.into(),
            duration: input.duration,
            action: input.action,
            enabled: input.enabled,
        }
    }
}

/// How long something is kept.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Rule {
    id: RetentionRuleId,
    name: String,
    target: RetentionTarget,
    kind: RetentionKind,
    /// Where it comes from.
    source: Option<String>,
    endpoint_id: Option<EndpointId>,
    channel_pattern: Option<String>,
    data_type_id: Option<DataTypeId>,
    purpose_id: Option<PurposeId>,
    /// ISO 8601.
    duration: String,
    action: RetentionAction,
    enabled: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

impl From<retention_rule::Model> for Rule {
    fn from(row: retention_rule::Model) -> Self {
        Snapshot::from(&row).into()
    }
}

impl From<Snapshot> for Rule {
    fn from(rule: Snapshot) -> Self {
        Self {
            id: rule.id,
            name: rule.name,
            target: rule.target,
            kind: rule.kind,
            source: rule.source,
            endpoint_id: rule.endpoint_id,
            channel_pattern: rule.channel_pattern,
            data_type_id: rule.data_type_id,
            purpose_id: rule.purpose_id,
            duration: rule.duration,
            action: rule.action,
            enabled: rule.enabled,
            created_at: rule.created_at,
            updated_at: rule.updated_at,
            version: rule.version,
        }
    }
}

/// A rule as it stood from a moment on.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RuleVersion {
    /// From 1.
    number: i32,
    changed_at: DateTime<Utc>,
    /// `member:<id>`, `api_key:<id>` or `system`.
    changed_by: String,
    why: Option<String>,
    /// Whether the rule ended here.
    deleted: bool,
    /// The rule from then on.
    rule: Rule,
}

impl From<Version> for RuleVersion {
    fn from(version: Version) -> Self {
        Self {
            number: version.number,
            changed_at: version.changed_at,
            changed_by: version.changed_by,
            why: version.why,
            deleted: version.rule.deleted,
            rule: version.rule.into(),
        }
    }
}

/// A rule that was made or waits.
#[derive(Debug, ApiResponse)]
pub enum Made {
    /// It was made, and acts.
    #[oai(status = 201)]
    Created(
        Json<Rule>,
        /// Send it back as `If-Match` to change just this version.
        #[oai(header = "ETag")]
        String,
    ),
    /// It would destroy something early, so it waits.
    #[oai(status = 202)]
    Waits(Json<RetentionChange>),
}

/// A rule that was changed or is to be.
#[derive(Debug, ApiResponse)]
pub enum Changed {
    /// It was changed, and acts.
    #[oai(status = 200)]
    Ok(
        Json<Rule>,
        /// Send it back as `If-Match` to change just this version.
        #[oai(header = "ETag")]
        String,
    ),
    /// The change would destroy something early, so it waits.
    #[oai(status = 202)]
    Waits(Json<RetentionChange>),
}

/// A rule that is gone or is to go.
#[derive(Debug, ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "made and answered at once")]
pub enum Removed {
    /// It is gone.
    #[oai(status = 204)]
    Done,
    /// Its end would destroy something early, so it waits.
    #[oai(status = 202)]
    Waits(Json<RetentionChange>),
}

/// Retention rules.
pub struct RetentionRulesApi(pub State);

#[OpenApi(tag = "Tag::Retention")]
impl RetentionRulesApi {
    /// List retention rules.
    #[oai(
        path = "/retention-rules",
        method = "get",
        operation_id = "list_retention_rules"
    )]
    async fn list(
        &self,
        caller: Caller,
        target: Query<Option<RetentionTarget>>,
        enabled: Query<Option<bool>>,
        /// Naming this endpoint.
        endpoint_id: Query<Option<EndpointId>>,
        /// Part of a name.
        q: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Rule>>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = retention_rules::Filter {
            target: target.0,
            enabled: enabled.0,
            endpoint: endpoint_id.0,
            q: q.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            retention_rules::list(&tx, &filter, &page).await?,
            Rule::from,
        ))
    }

    /// Make a retention rule.
    ///
    /// Acts at once, on what is stored already too, unless it would destroy something within the tenant's grace period
    /// that would otherwise still be there: then it waits, as a retention change.
    #[oai(
        path = "/retention-rules",
        method = "post",
        operation_id = "create_retention_rule"
    )]
    async fn create(&self, caller: Caller, body: Body<RuleIn>) -> Result<Made, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let mut input = body.0;
        let why = input.why.take();
        Ok(
            match self.propose(scope, Proposal::Create(input.into()), why).await? {
                Outcome::Applied(row) => Made::Created(Json(row.clone().into()), etag(row.version)),
                Outcome::Waits(change) => Made::Waits(Json(change.try_into()?)),
            },
        )
    }

    /// Read a retention rule.
    #[oai(
        path = "/retention-rules/:rule_id",
        method = "get",
        operation_id = "read_retention_rule"
    )]
    async fn read(
        &self,
        caller: Caller,
        rule_id: Path<RetentionRuleId>,
    ) -> Result<Versioned<Rule>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = retention_rules::read(&tx, rule_id.0).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Change a retention rule.
    ///
    /// Acts at once, on what is stored already too, unless it would destroy something within the tenant's grace period
    /// that would otherwise still be there: then it waits, as a retention change. What it said before is remembered.
    #[oai(
        path = "/retention-rules/:rule_id",
        method = "patch",
        operation_id = "update_retention_rule"
    )]
    async fn update(
        &self,
        caller: Caller,
        rule_id: Path<RetentionRuleId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<RulePatchIn>,
    ) -> Result<Changed, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let mut input = body.0;
        let why = input.why.take();
        let proposal = Proposal::Update {
            id: rule_id.0,
            expected: expected(if_match.0.as_deref())?,
            patch: input.into(),
        };
        Ok(match self.propose(scope, proposal, why).await? {
            Outcome::Applied(row) => Changed::Ok(Json(row.clone().into()), etag(row.version)),
            Outcome::Waits(change) => Changed::Waits(Json(change.try_into()?)),
        })
    }

    /// Delete a retention rule.
    ///
    /// What it said stays in its versions. It goes at once, unless that would destroy something within the tenant's grace
    /// period that would otherwise still be there: then it waits, as a retention change.
    #[oai(
        path = "/retention-rules/:rule_id",
        method = "delete",
        operation_id = "delete_retention_rule"
    )]
    async fn delete(
        &self,
        caller: Caller,
        rule_id: Path<RetentionRuleId>,
        /// Why, for whoever asks later.
        why: Query<Option<String>>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Removed, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let proposal = Proposal::Delete {
            id: rule_id.0,
            expected: expected(if_match.0.as_deref())?,
        };
        Ok(match self.propose(scope, proposal, why.0).await? {
            Outcome::Applied(_) => Removed::Done,
            Outcome::Waits(change) => Removed::Waits(Json(change.try_into()?)),
        })
    }

    /// List what a retention rule said.
    ///
    /// Also of a rule that was deleted.
    #[oai(
        path = "/retention-rules/:rule_id/versions",
        method = "get",
        operation_id = "list_retention_rule_versions"
    )]
    async fn list_versions(
        &self,
        caller: Caller,
        rule_id: Path<RetentionRuleId>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<RuleVersion>>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            retention_rules::list_versions(&tx, rule_id.0, &page).await?,
            RuleVersion::from,
        ))
    }
}

impl RetentionRulesApi {
    /// Answered when the change acts on the next message, or waits.
    async fn propose(
        &self,
        scope: &TenantScope,
        proposal: Proposal,
        why: Option<String>,
    ) -> Result<Outcome, ApiError> {
        let ctx = &self.0.ctx;
        // Weighing asks the rules of now; not while a transaction is open, which would wait for itself.
        pictures::load(ctx, scope).await?;
        let tx = ctx.store.begin(scope).await?;
        let outcome = retention_rules::propose(&tx, ctx, proposal, why).await?;
        tx.save().await?;
        pictures::reload(ctx, scope).await?;
        Ok(outcome)
    }
}
