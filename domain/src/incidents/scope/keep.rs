//! Keeping a scope with its incident: records go by their own rules, and the register must still say whom it touched.

use std::collections::HashSet;

use entity::{
    id::{IncidentId, SubjectId},
    incident::{self, ScopeStep},
    incident_subject,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::json;

use super::{Affected, Progress, Scope, note_progress};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    incidents::read,
    tenancy::TenantScope,
};

/// Rows in one statement.
const AT_ONCE: usize = 500;
/// Rows in one transaction: few enough that others write in between.
const BATCH: usize = 2_000;

pub(super) async fn keep(
    ctx: &Ctx,
    scope: &TenantScope,
    incident: &incident::Model,
    found: &Scope,
    affected: &[Affected],
) -> Result<()> {
    while forget_some(ctx, scope, incident.id).await? {}
    let told = told(ctx, scope, incident.id).await?;
    let rows: Vec<&Affected> = affected
        .iter()
        .filter(|one| !told.contains(&one.subject))
        .collect();
    let total = rows.len() as u64;
    for (number, some) in rows.chunks(BATCH).enumerate() {
        let progress = Progress {
            step: ScopeStep::Noting,
            done: (number * BATCH) as u64,
            total,
        };
        note_progress(ctx, scope, incident.id, progress).await?;
        let tx = ctx.store.begin(scope).await?;
        for few in some.chunks(AT_ONCE) {
            let few = few
                .iter()
                .map(|one| row(incident.id, one))
                .collect::<Result<_>>()?;
            tx.insert_many::<incident_subject::ActiveModel>(few).await?;
        }
        tx.save().await?;
        tokio::task::yield_now().await;
    }
    finish(ctx, scope, incident, found).await
}

fn row(incident: IncidentId, one: &Affected) -> Result<incident_subject::ActiveModel> {
    let signed = |number: u64| i64::try_from(number).map_err(Error::internal);
    Ok(incident_subject::ActiveModel {
        incident_id: Set(incident),
        subject_id: Set(one.subject),
        records: Set(signed(one.records)?),
        connections: Set(signed(one.connections)?),
        unintelligible: Set(one.unintelligible),
        mail_id: Set(None),
        unreachable: Set(false),
        ..Default::default()
    })
}

/// Forgets what an earlier look found, but for those who were told. Answers whether there may be more.
async fn forget_some(ctx: &Ctx, scope: &TenantScope, id: IncidentId) -> Result<bool> {
    use incident_subject::Column;
    let tx = ctx.store.begin(scope).await?;
    let some: Vec<SubjectId> = tx
        .find::<incident_subject::Entity>()
        .select_only()
        .column(Column::SubjectId)
        .filter(Column::IncidentId.eq(id))
        .filter(Column::MailId.is_null())
        .order_by_asc(Column::SubjectId)
        .limit(AT_ONCE as u64)
        .into_tuple()
        .all(tx.conn())
        .await?;
    if some.is_empty() {
        return Ok(false);
    }
    tx.delete_many::<incident_subject::Entity>()
        .filter(Column::IncidentId.eq(id))
        .filter(Column::MailId.is_null())
        .filter(Column::SubjectId.is_in(some))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(true)
}

async fn told(ctx: &Ctx, scope: &TenantScope, id: IncidentId) -> Result<HashSet<SubjectId>> {
    use incident_subject::Column;
    let tx = ctx.store.read(scope).await?;
    let told: Vec<SubjectId> = tx
        .find::<incident_subject::Entity>()
        .select_only()
        .column(Column::SubjectId)
        .filter(Column::IncidentId.eq(id))
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(told.into_iter().collect())
}

async fn finish(ctx: &Ctx, scope: &TenantScope, incident: &incident::Model, found: &Scope) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    let current = read(&tx, incident.id).await?;
    let now = ctx.now();
    tx.update(incident::ActiveModel {
        id: Set(incident.id),
        scope: Set(Some(serde_json::to_value(found)?)),
        scoped_at: Set(Some(now)),
        scope_job_id: Set(None),
        scope_step: Set(None),
        updated_at: Set(now),
        version: Set(current.version + 1),
        ..Default::default()
    })
    .await?;
    let facts = json!({
        "exposure": incident.exposure, "from": found.from, "to": found.to, "subjects": found.subjects,
        "records": found.records, "unattributed_records": found.unattributed_records,
        "unintelligible_subjects": found.unintelligible_subjects, "sealed_records": found.sealed_records,
        "shredded_records": found.shredded_records, "connections": found.connections,
    });
    let event = Event::new("incident.scoped")
        .target("incident", incident.id)
        .facts(facts);
    audit::record(&tx, ctx, event).await?;
    tx.save().await?;
    Ok(())
}
