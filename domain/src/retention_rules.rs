//! Retention rules: what the tenant decided about how long things are kept. What they mean for what is stored is
//! `retention`'s; here they are only written down, checked, and remembered with who changed them and why.

mod changes;
mod input;
mod templates;
mod versions;

use entity::{
    data_type, endpoint,
    id::{EndpointId, RetentionRuleId},
    purpose,
    retention_rule::{self, RetentionTarget},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, IntoActiveModel, QueryFilter};
use serde_json::json;

pub use changes::{
    GRACE, Outcome, Preview, Proposal, apply_due, approve, cancel, draft, list as list_changes, preview,
    propose, read_change,
};
pub use input::{NewRule, RulePatch};
pub use templates::{TEMPLATES, Template, TemplateRule};
pub use versions::{Snapshot, Version, list_versions};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Faults, Result},
    page::{self, Page, PageIn},
    references, search,
    tenancy::{TenantTx, expect_version},
};

/// Makes a rule. It acts at once, on what is stored already too: [`propose`] weighs that first.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewRule) -> Result<retention_rule::Model> {
    let mut row = new.check()?;
    row.id = ctx.ids.next();
    check_scope(tx, &row).await?;
    create_row(tx, ctx, row, None).await
}

async fn create_row(
    tx: &TenantTx,
    ctx: &Ctx,
    mut row: retention_rule::Model,
    why: Option<String>,
) -> Result<retention_rule::Model> {
    let now = ctx.now();
    row.created_at = now;
    row.updated_at = now;
    row.version = 1;
    row.tenant_id = tx.tenant();
    let row = tx.insert(retention_rule::ActiveModel::from(row)).await?;
    let snapshot = Snapshot::from(&row);
    versions::record(tx, &snapshot, why).await?;
    audit::record(
        tx,
        ctx,
        Event::new("retention_rule.created")
            .target("retention_rule", row.id)
            .facts(json!({ "rule": snapshot })),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// About this.
    pub target: Option<RetentionTarget>,
    /// Switched on or off.
    pub enabled: Option<bool>,
    /// Naming this endpoint.
    pub endpoint: Option<EndpointId>,
    /// In the name.
    pub q: Option<String>,
}

/// Lists rules, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<retention_rule::Model>> {
    use retention_rule::Column;
    let mut wanted = Condition::all();
    if let Some(target) = filter.target {
        wanted = wanted.add(Column::Target.eq(target));
    }
    if let Some(enabled) = filter.enabled {
        wanted = wanted.add(Column::Enabled.eq(enabled));
    }
    if let Some(endpoint) = filter.endpoint {
        wanted = wanted.add(Column::EndpointId.eq(endpoint));
    }
    if let Some(q) = &filter.q {
        wanted = wanted.add(search::holds(Column::Name, q));
    }
    let rows = tx.find::<retention_rule::Entity>().filter(wanted);
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one rule.
pub async fn read(tx: &TenantTx, id: RetentionRuleId) -> Result<retention_rule::Model> {
    tx.get::<retention_rule::Entity, _>(id, "retention rule").await
}

/// Changes a rule at once and remembers what it said before: [`propose`] weighs that first. `why` is for whoever asks
/// later.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RetentionRuleId,
    expected: Option<i32>,
    patch: RulePatch,
    why: Option<String>,
) -> Result<retention_rule::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    input::check_why(why.as_deref())?;
    let changed = patch.check(current.clone())?;
    check_scope(tx, &changed).await?;
    update_row(tx, ctx, current, changed, why).await
}

async fn update_row(
    tx: &TenantTx,
    ctx: &Ctx,
    current: retention_rule::Model,
    mut changed: retention_rule::Model,
    why: Option<String>,
) -> Result<retention_rule::Model> {
    let before = Snapshot::from(&current);
    changed.version = current.version + 1;
    changed.updated_at = ctx.now();
    // Every column: what `check` made is the whole row.
    let row = tx.update(changed.into_active_model().reset_all()).await?;
    let after = Snapshot::from(&row);
    versions::record(tx, &after, why).await?;
    let facts = json!({ "before": before, "after": after });
    audit::record(
        tx,
        ctx,
        Event::new("retention_rule.updated")
            .target("retention_rule", row.id)
            .facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Deletes a rule at once: [`propose`] weighs that first. Its versions stay: they say what was promised while it stood.
pub async fn delete(
    tx: &TenantTx,
    ctx: &Ctx,
    id: RetentionRuleId,
    expected: Option<i32>,
    why: Option<String>,
) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    input::check_why(why.as_deref())?;
    remove_row(tx, ctx, &current, why).await
}

async fn remove_row(
    tx: &TenantTx,
    ctx: &Ctx,
    current: &retention_rule::Model,
    why: Option<String>,
) -> Result<()> {
    tx.delete_many::<retention_rule::Entity>()
        .filter(retention_rule::Column::Id.eq(current.id))
        .exec(tx.conn())
        .await?;
    let last = Snapshot {
        version: current.version + 1,
        updated_at: ctx.now(),
        deleted: true,
        ..Snapshot::from(current)
    };
    versions::record(tx, &last, why).await?;
    audit::record(
        tx,
        ctx,
        Event::new("retention_rule.deleted")
            .target("retention_rule", current.id)
            .facts(json!({ "rule": last })),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(())
}

/// What a rule refers to must exist.
async fn check_scope(tx: &TenantTx, rule: &retention_rule::Model) -> Result<()> {
    let mut faults = Faults::default();
    references::check::<endpoint::Entity, _>(tx, &mut faults, rule.endpoint_id, "/endpoint_id", "endpoint")
        .await?;
    references::check::<data_type::Entity, _>(
        tx,
        &mut faults,
        rule.data_type_id,
        "/data_type_id",
        "data type",
    )
    .await?;
    references::check::<purpose::Entity, _>(tx, &mut faults, rule.purpose_id, "/purpose_id", "purpose")
        .await?;
    faults.finish()
}

#[cfg(test)]
mod tests;
