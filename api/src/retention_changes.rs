//! Changes of the retention rules over REST: what one would destroy, those that wait, and rules to begin with.

use chrono::{DateTime, Utc};
use domain::{
    error::Error,
    page::PageIn,
    permissions::Permission,
    pictures, retention,
    retention_rules::{self, Proposal, TEMPLATES, Template},
};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionChangeId, RetentionRuleId},
    retention_change::{self, ChangeKind, ChangeState},
    retention_rule::{RetentionKind, RetentionTarget},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Page, Versioned},
    retention_rules::{Rule, RuleIn, RulePatchIn},
    state::State,
    tags::Tag,
};

/// A change of the rules to be weighed: a new rule, another text of one, or the end of one.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionPreviewIn {
    /// A rule to be made. Leave out all else then.
    rule: Option<RuleIn>,
    /// The rule to be changed or deleted.
    rule_id: Option<RetentionRuleId>,
    /// What is to change of it. Left out: it is to be deleted.
    changes: Option<RulePatchIn>,
}

impl RetentionPreviewIn {
    fn proposal(self) -> Result<Proposal, Error> {
        let (code, detail) = match (self.rule, self.rule_id, self.changes) {
            (Some(rule), None, None) => return Ok(Proposal::Create(rule.into())),
            (None, Some(id), Some(changes)) => {
                return Ok(Proposal::Update {
                    id,
                    expected: None,
                    patch: changes.into(),
                });
            }
            (None, Some(id), None) => return Ok(Proposal::Delete { id, expected: None }),
            (Some(_), ..) => ("not_alone", "a rule to be made stands alone"),
            (None, None, _) => ("missing", "say which rule, with /rule or /rule_id"),
        };
        Err(Error::invalid("/rule", code, detail))
    }
}

/// What would become of messages of one kind.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RetentionConsequence {
    /// The retention class.
    class_id: String,
    endpoint_id: EndpointId,
    purpose_id: Option<PurposeId>,
    /// Slugs of what was found in it.
    data_types: Vec<String>,
    channel_pattern: Option<String>,
    /// Readable now, and gone then.
    destroyed: u64,
    /// Readable again or for longer.
    kept: u64,
}

/// What a change would come to.
#[derive(Clone, Debug, Object)]
pub struct RetentionPreview {
    /// Messages that would be destroyed if it acted now.
    destroyed: u64,
    /// By kind; kinds in which nothing changes are left out.
    classes: Vec<RetentionConsequence>,
    /// When it would act.
    effective_at: DateTime<Utc>,
    /// Whether it would wait first.
    waits: bool,
    /// Whether a second member would have to approve it.
    needs_approval: bool,
}

/// A change of the rules that waits, or waited.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RetentionChange {
    id: RetentionChangeId,
    kind: ChangeKind,
    /// The rule it changes; of a rule to be made, its id once there is one.
    rule_id: Option<RetentionRuleId>,
    /// The rule as it is to be.
    draft: Rule,
    why: Option<String>,
    /// How many messages it would destroy early, as counted when it was asked for.
    messages: i64,
    state: ChangeState,
    /// `member:<id>` or `api_key:<id>`.
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    /// It acts then, or once it is approved.
    effective_at: DateTime<Utc>,
    needs_approval: bool,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    /// Why it was called off or could not be applied.
    note: Option<String>,
    finished_by: Option<String>,
    finished_at: Option<DateTime<Utc>>,
    version: i32,
}

impl TryFrom<retention_change::Model> for RetentionChange {
    type Error = Error;

    fn try_from(row: retention_change::Model) -> Result<Self, Error> {
        Ok(Self {
            draft: retention_rules::draft(&row)?.into(),
            id: row.id,
            kind: row.kind,
            rule_id: row.rule_id,
            why: row.why,
            messages: row.messages,
            state: row.state,
            proposed_by: row.proposed_by,
            proposed_at: row.proposed_at,
            effective_at: row.effective_at,
            needs_approval: row.needs_approval,
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            note: row.note,
            finished_by: row.finished_by,
            finished_at: row.finished_at,
            version: row.version,
        })
    }
}

#[expect(clippy::result_large_err, reason = "made and answered at once")]
fn versioned(row: retention_change::Model) -> Result<Versioned<RetentionChange>, ApiError> {
    Ok(Versioned::new(row.version, RetentionChange::try_from(row)?))
}

/// Why a change is called off.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CancelChangeIn {
    /// For whoever asks later.
    why: Option<String>,
}

/// Rules to begin with.
#[derive(Clone, Debug, Object)]
pub struct RetentionTemplate {
    /// Stable.
    key: String,
    name: String,
    description: String,
    rules: Vec<RetentionTemplateRule>,
}

/// A rule to begin with.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RetentionTemplateRule {
    name: String,
    target: RetentionTarget,
    kind: RetentionKind,
    /// ISO 8601.
    duration: String,
    /// The law it comes from.
    source: String,
    /// What you should limit it to.
    limit_to: Option<String>,
}

impl From<&Template> for RetentionTemplate {
    fn from(template: &Template) -> Self {
        Self {
            key: template.key.to_owned(),
            name: template.name.to_owned(),
            description: template.description.to_owned(),
            rules: template
                .rules
                .iter()
                .map(|rule| RetentionTemplateRule {
                    name: rule.name.to_owned(),
                    target: rule.target,
                    kind: rule.kind,
                    duration: rule.duration.to_owned(),
                    source: rule.source.to_owned(),
                    limit_to: rule.limit_to.map(str::to_owned),
                })
                .collect(),
        }
    }
}

/// All templates.
#[derive(Clone, Debug, Object)]
pub struct RetentionTemplates {
    items: Vec<RetentionTemplate>,
}

/// Changes of the rules.
pub struct RetentionChangesApi(pub State);

#[expect(
    clippy::unused_async,
    reason = "operations are async, whether they wait or not"
)]
#[OpenApi(tag = "Tag::Retention")]
impl RetentionChangesApi {
    /// See what a change of the rules would destroy.
    ///
    /// Counted in what is stored, by kind. Nothing is changed.
    #[oai(
        path = "/retention-rules/preview",
        method = "post",
        operation_id = "preview_retention_rule"
    )]
    async fn preview(
        &self,
        caller: Caller,
        body: Body<RetentionPreviewIn>,
    ) -> Result<Json<RetentionPreview>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let proposal = body.0.proposal()?;
        let picture = pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let preview = retention_rules::preview(&tx, &self.0.ctx, proposal).await?;
        let slug = |id: &DataTypeId| picture.data_type_slug(*id).map(str::to_owned);
        let out = |consequence: &retention::Consequence| RetentionConsequence {
            class_id: consequence.class.to_string(),
            endpoint_id: consequence.endpoint,
            purpose_id: consequence.purpose,
            data_types: consequence.data_types.iter().filter_map(slug).collect(),
            channel_pattern: consequence.channel_pattern.clone(),
            destroyed: consequence.destroyed,
            kept: consequence.kept,
        };
        Ok(Json(RetentionPreview {
            destroyed: preview.now.iter().map(|consequence| consequence.destroyed).sum(),
            classes: preview.now.iter().map(out).collect(),
            effective_at: preview.effective_at,
            waits: preview.waits,
            needs_approval: preview.needs_approval,
        }))
    }

    /// List rules to begin with, by sector.
    ///
    /// Each names the law it comes from. They are starting points, not legal advice.
    #[oai(
        path = "/retention-templates",
        method = "get",
        operation_id = "list_retention_templates"
    )]
    async fn templates(&self, caller: Caller) -> Result<Json<RetentionTemplates>, ApiError> {
        caller.may(Permission::RulesRead)?;
        Ok(Json(RetentionTemplates {
            items: TEMPLATES.iter().map(RetentionTemplate::from).collect(),
        }))
    }

    /// List changes of the rules that wait, or waited.
    #[oai(
        path = "/retention-changes",
        method = "get",
        operation_id = "list_retention_changes"
    )]
    async fn list(
        &self,
        caller: Caller,
        state: Query<Option<ChangeState>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<RetentionChange>>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let page = retention_rules::list_changes(&tx, state.0, &page).await?;
        let items: Result<_, Error> = page.items.into_iter().map(RetentionChange::try_from).collect();
        Ok(Json(Page {
            items: items?,
            next_cursor: page.next_cursor,
        }))
    }

    /// Read a change of the rules.
    #[oai(
        path = "/retention-changes/:change_id",
        method = "get",
        operation_id = "read_retention_change"
    )]
    async fn read(
        &self,
        caller: Caller,
        change_id: Path<RetentionChangeId>,
    ) -> Result<Versioned<RetentionChange>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = retention_rules::read_change(&tx, change_id.0).await?;
        versioned(row)
    }

    /// Approve a change of the rules.
    ///
    /// As its second member: whoever asked for it cannot. It acts when its time has come.
    #[oai(
        path = "/retention-changes/:change_id/approve",
        method = "post",
        operation_id = "approve_retention_change"
    )]
    async fn approve(
        &self,
        caller: Caller,
        change_id: Path<RetentionChangeId>,
    ) -> Result<Versioned<RetentionChange>, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = retention_rules::approve(&tx, &self.0.ctx, change_id.0).await?;
        tx.save().await?;
        versioned(row)
    }

    /// Call a change of the rules off.
    #[oai(
        path = "/retention-changes/:change_id/cancel",
        method = "post",
        operation_id = "cancel_retention_change"
    )]
    async fn cancel(
        &self,
        caller: Caller,
        change_id: Path<RetentionChangeId>,
        body: Body<CancelChangeIn>,
    ) -> Result<Versioned<RetentionChange>, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = retention_rules::cancel(&tx, &self.0.ctx, change_id.0, body.0.why).await?;
        tx.save().await?;
        versioned(row)
    }
}
