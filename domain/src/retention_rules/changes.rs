//! Changes of the rules, weighed before they act. One that would destroy something before the tenant's grace period is
//! over, which would otherwise still be there then, waits for that long, and for a second member where the tenant wants
//! one; until then it can be called off. Every other change acts at once: nothing is lost that could not be had back.

use chrono::{DateTime, Utc};
use entity::{
    id::{RetentionChangeId, RetentionRuleId, TenantId},
    retention_change::{self, ChangeKind, ChangeState},
    retention_rule,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{NewRule, RulePatch, Snapshot, check_scope, create_row, input, read, remove_row, update_row};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    duration::Kept,
    error::{Error, Result},
    page::{self, Page, PageIn},
    pictures,
    retention::{self, Change, Consequence},
    tenancy::{Actor, TenantScope, TenantTx, expect_version},
    tenants,
};

/// What a new tenant's changes wait, as ISO 8601.
pub const GRACE: &str = "P1D";

/// What is to happen to the rules.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// A new rule.
    Create(NewRule),
    /// Another text of a rule.
    Update {
        /// The rule.
        id: RetentionRuleId,
        /// The version that the caller saw.
        expected: Option<i32>,
        /// What changes.
        patch: RulePatch,
    },
    /// The end of a rule.
    Delete {
        /// The rule.
        id: RetentionRuleId,
        /// The version that the caller saw.
        expected: Option<i32>,
    },
}

/// What became of a proposal.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It acts. The rule as it is now; of a deleted rule, as it was.
    Applied(retention_rule::Model),
    /// It waits.
    Waits(retention_change::Model),
}

/// What a proposal would come to.
#[derive(Clone, Debug)]
pub struct Preview {
    /// If it acted now: class by class.
    pub now: Vec<Consequence>,
    /// From when on it would act.
    pub effective_at: DateTime<Utc>,
    /// Whether it would wait for that, or for somebody.
    pub waits: bool,
    /// Whether a second member must approve it.
    pub needs_approval: bool,
}

/// A proposal, checked.
struct Checked {
    kind: ChangeKind,
    /// The rule as it was; of a new one, none.
    before: Option<retention_rule::Model>,
    /// The rule as it is to be; of the end of one, as it was.
    draft: retention_rule::Model,
}

impl Checked {
    fn change(&self) -> Change<'_> {
        match self.kind {
            ChangeKind::Delete => Change::Remove(&self.draft),
            ChangeKind::Create | ChangeKind::Update => Change::Put(&self.draft),
        }
    }
}

async fn check(tx: &TenantTx, ctx: &Ctx, proposal: Proposal) -> Result<Checked> {
    let checked = match proposal {
        Proposal::Create(new) => {
            let mut draft = new.check()?;
            draft.id = ctx.ids.next();
            draft.tenant_id = tx.tenant();
            Checked {
                kind: ChangeKind::Create,
                before: None,
                draft,
            }
        }
        Proposal::Update { id, expected, patch } => {
            let before = read(tx, id).await?;
            expect_version(before.version, expected)?;
            Checked {
                kind: ChangeKind::Update,
                draft: patch.check(before.clone())?,
                before: Some(before),
            }
        }
        Proposal::Delete { id, expected } => {
            let before = read(tx, id).await?;
            expect_version(before.version, expected)?;
            Checked {
                kind: ChangeKind::Delete,
                draft: before.clone(),
                before: Some(before),
            }
        }
    };
    if checked.kind != ChangeKind::Delete {
        check_scope(tx, &checked.draft).await?;
    }
    Ok(checked)
}

/// Whether a change has to wait: until when, for whom, and because of what.
struct Wait {
    until: DateTime<Utc>,
    needs_approval: bool,
    destroys: Vec<Consequence>,
}

async fn wait(tx: &TenantTx, ctx: &Ctx, checked: &Checked) -> Result<Option<Wait>> {
    let tenant = tenants::read(tx).await?;
    let grace: Kept = tenant.retention_grace.parse().map_err(Error::internal)?;
    let until = grace.until(ctx.now());
    if grace == Kept::Nothing && !tenant.retention_approval {
        return Ok(None);
    }
    let mut destroys = retention::preview(tx, ctx, &checked.change(), until).await?;
    destroys.retain(|consequence| consequence.destroyed > 0);
    Ok((!destroys.is_empty()).then_some(Wait {
        until,
        needs_approval: tenant.retention_approval,
        destroys,
    }))
}

/// Says what a proposal would destroy if it acted now, and when it would act. Changes nothing.
pub async fn preview(tx: &TenantTx, ctx: &Ctx, proposal: Proposal) -> Result<Preview> {
    let checked = check(tx, ctx, proposal).await?;
    let now = retention::preview(tx, ctx, &checked.change(), ctx.now()).await?;
    let wait = wait(tx, ctx, &checked).await?;
    Ok(Preview {
        now,
        effective_at: wait.as_ref().map_or(ctx.now(), |wait| wait.until),
        waits: wait.is_some(),
        needs_approval: wait.is_some_and(|wait| wait.needs_approval),
    })
}

/// Changes the rules, or has the change wait. `why` is for whoever asks later.
pub async fn propose(tx: &TenantTx, ctx: &Ctx, proposal: Proposal, why: Option<String>) -> Result<Outcome> {
    input::check_why(why.as_deref())?;
    let checked = check(tx, ctx, proposal).await?;
    match wait(tx, ctx, &checked).await? {
        None => apply(tx, ctx, checked, why).await.map(Outcome::Applied),
        Some(wait) => hold_back(tx, ctx, checked, wait, why).await.map(Outcome::Waits),
    }
}

async fn apply(
    tx: &TenantTx,
    ctx: &Ctx,
    checked: Checked,
    why: Option<String>,
) -> Result<retention_rule::Model> {
    match (checked.kind, checked.before) {
        (ChangeKind::Delete, _) => {
            remove_row(tx, ctx, &checked.draft, why).await?;
            Ok(checked.draft)
        }
        (_, Some(before)) => update_row(tx, ctx, before, checked.draft, why).await,
        (_, None) => create_row(tx, ctx, checked.draft, why).await,
    }
}

async fn hold_back(
    tx: &TenantTx,
    ctx: &Ctx,
    checked: Checked,
    wait: Wait,
    why: Option<String>,
) -> Result<retention_change::Model> {
    let messages: u64 = wait
        .destroys
        .iter()
        .map(|consequence| consequence.destroyed)
        .sum();
    let destroys: Vec<_> = wait
        .destroys
        .iter()
        .map(|consequence| json!({ "class": consequence.class.to_string(), "messages": consequence.destroyed }))
        .collect();
    let id: RetentionChangeId = ctx.ids.next();
    let row = tx
        .insert(retention_change::ActiveModel {
            id: Set(id),
            kind: Set(checked.kind),
            rule_id: Set(checked.before.as_ref().map(|rule| rule.id)),
            rule_version: Set(checked.before.as_ref().map(|rule| rule.version)),
            draft: Set(serde_json::to_value(Snapshot::from(&checked.draft))?),
            why: Set(why),
            destroys: Set(json!(destroys)),
            messages: Set(i64::try_from(messages).unwrap_or(i64::MAX)),
            proposed_by: Set(tx.actor().to_string()),
            proposed_at: Set(ctx.now()),
            effective_at: Set(wait.until),
            needs_approval: Set(wait.needs_approval),
            approved_by: Set(None),
            approved_at: Set(None),
            state: Set(ChangeState::Pending),
            note: Set(None),
            finished_by: Set(None),
            finished_at: Set(None),
            version: Set(1),
            ..Default::default()
        })
        .await?;
    let facts = json!({
        "kind": row.kind, "rule": row.rule_id, "draft": row.draft, "messages": messages,
        "effective_at": row.effective_at, "needs_approval": row.needs_approval,
    });
    note(tx, ctx, "retention_change.proposed", id, facts).await?;
    Ok(row)
}

async fn note(
    tx: &TenantTx,
    ctx: &Ctx,
    kind: &'static str,
    id: RetentionChangeId,
    facts: serde_json::Value,
) -> Result<()> {
    let event = Event::new(kind).target("retention_change", id).facts(facts);
    audit::record(tx, ctx, event).await?;
    Ok(())
}

/// Lists changes that waited or wait, newest first.
pub async fn list(
    tx: &TenantTx,
    state: Option<ChangeState>,
    page: &PageIn,
) -> Result<Page<retention_change::Model>> {
    let state = state.map(|state| retention_change::Column::State.eq(state));
    let rows = tx
        .find::<retention_change::Entity>()
        .filter(Condition::all().add_option(state));
    page::by_id(rows, tx.conn(), retention_change::Column::Id, page, |row| {
        row.id.0
    })
    .await
}

/// The rule as a change wants it to be.
pub fn draft(change: &retention_change::Model) -> Result<Snapshot> {
    Ok(serde_json::from_value(change.draft.clone())?)
}

/// Reads one.
pub async fn read_change(tx: &TenantTx, id: RetentionChangeId) -> Result<retention_change::Model> {
    tx.get::<retention_change::Entity, _>(id, "retention change")
        .await
}

async fn pending(tx: &TenantTx, id: RetentionChangeId) -> Result<retention_change::Model> {
    let change = read_change(tx, id).await?;
    if change.state == ChangeState::Pending {
        return Ok(change);
    }
    Err(Error::conflict(
        "wrong_state",
        "only a change that waits can be approved or called off",
    ))
}

/// Approves a change as its second member. It acts when its time has come.
pub async fn approve(tx: &TenantTx, ctx: &Ctx, id: RetentionChangeId) -> Result<retention_change::Model> {
    let change = pending(tx, id).await?;
    if !change.needs_approval || change.approved_by.is_some() {
        return Err(Error::conflict(
            "wrong_state",
            "this change waits for nobody's approval",
        ));
    }
    let actor = tx.actor().to_string();
    if !matches!(tx.actor(), Actor::Member(_)) || actor == change.proposed_by {
        return Err(Error::conflict(
            "second_member_needed",
            "somebody else must approve it: a member who did not ask for it",
        ));
    }
    let version = change.version + 1;
    let row = tx
        .update(retention_change::ActiveModel {
            id: Set(id),
            approved_by: Set(Some(actor)),
            approved_at: Set(Some(ctx.now())),
            version: Set(version),
            ..Default::default()
        })
        .await?;
    note(tx, ctx, "retention_change.approved", id, json!({})).await?;
    Ok(row)
}

/// Calls a change off.
pub async fn cancel(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RetentionChangeId,
    why: Option<String>,
) -> Result<retention_change::Model> {
    input::check_why(why.as_deref())?;
    let change = pending(tx, id).await?;
    let row = finish(tx, ctx, &change, ChangeState::Cancelled, None, why.clone()).await?;
    note(tx, ctx, "retention_change.cancelled", id, json!({ "why": why })).await?;
    Ok(row)
}

async fn finish(
    tx: &TenantTx,
    ctx: &Ctx,
    change: &retention_change::Model,
    state: ChangeState,
    rule: Option<RetentionRuleId>,
    note: Option<String>,
) -> Result<retention_change::Model> {
    Ok(tx
        .update(retention_change::ActiveModel {
            id: Set(change.id),
            state: Set(state),
            rule_id: Set(rule.or(change.rule_id)),
            note: Set(note),
            finished_by: Set(Some(tx.actor().to_string())),
            finished_at: Set(Some(ctx.now())),
            version: Set(change.version + 1),
            ..Default::default()
        })
        .await?)
}

/// Changes looked at in one go.
const BATCH: u64 = 200;

/// Applies the changes of all tenants whose time has come. To be called every few seconds. Answers how many.
///
/// # Errors
/// What the store said. What was applied until then stays applied.
pub async fn apply_due(ctx: &Ctx) -> Result<u64> {
    use retention_change::Column;
    let view = ctx
        .store
        .system_read("changes of rules of all tenants whose time has come")
        .await?;
    let due: Vec<(RetentionChangeId, TenantId)> = view
        .find::<retention_change::Entity>()
        .select_only()
        .column(Column::Id)
        .column(Column::TenantId)
        .filter(Column::State.eq(ChangeState::Pending))
        .filter(Column::EffectiveAt.lte(ctx.now()))
        .filter(
            Condition::any()
                .add(Column::NeedsApproval.eq(false))
                .add(Column::ApprovedAt.is_not_null()),
        )
        .order_by_asc(Column::EffectiveAt)
        .limit(BATCH)
        .into_tuple()
        .all(view.conn())
        .await?;
    drop(view);
    let mut applied = 0;
    for (id, tenant) in due {
        let scope = TenantScope::new(tenant, Actor::System);
        applied += u64::from(apply_one(ctx, &scope, id).await?);
        pictures::reload(ctx, &scope).await?;
    }
    Ok(applied)
}

async fn apply_one(ctx: &Ctx, scope: &TenantScope, id: RetentionChangeId) -> Result<bool> {
    let tx = ctx.store.begin(scope).await?;
    let change = read_change(&tx, id).await?;
    // Called off, or applied by another process, since it was listed.
    if change.state != ChangeState::Pending {
        return Ok(false);
    }
    let draft = draft(&change)?;
    match checked_again(&tx, &change, draft).await {
        Ok(checked) => {
            let rule = apply(&tx, ctx, checked, change.why.clone()).await?;
            finish(&tx, ctx, &change, ChangeState::Applied, Some(rule.id), None).await?;
            note(
                &tx,
                ctx,
                "retention_change.applied",
                id,
                json!({ "rule": rule.id }),
            )
            .await?;
            tx.save().await?;
            Ok(true)
        }
        Err(
            error @ (Error::NotFound { .. }
            | Error::VersionMismatch { .. }
            | Error::Invalid(_)
            | Error::Conflict { .. }),
        ) => {
            let reason = match error {
                Error::Invalid(faults) => faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.field, fault.detail))
                    .collect::<Vec<_>>()
                    .join("; "),
                other => other.to_string(),
            };
            finish(&tx, ctx, &change, ChangeState::Failed, None, Some(reason.clone())).await?;
            note(
                &tx,
                ctx,
                "retention_change.failed",
                id,
                json!({ "reason": reason }),
            )
            .await?;
            tx.save().await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Meanwhile the rule may have changed, and what it names may be gone.
async fn checked_again(tx: &TenantTx, change: &retention_change::Model, draft: Snapshot) -> Result<Checked> {
    let before = match change.rule_id {
        Some(rule) => {
            let before = read(tx, rule).await?;
            expect_version(before.version, change.rule_version)?;
            Some(before)
        }
        None => None,
    };
    let draft = draft.into_row(tx.tenant());
    if change.kind != ChangeKind::Delete {
        check_scope(tx, &draft).await?;
    }
    Ok(Checked {
        kind: change.kind,
        before,
        draft,
    })
}
