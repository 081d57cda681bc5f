//! What the authority was told, phase by phase (GDPR Art. 33(4)): each notice keeps the form as it was, and its hash is in a
//! leaf.

use entity::{
    id::{IncidentId, IncidentNoticeId},
    incident, incident_notice,
};
use ring::digest;
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Set};
use serde_json::json;

use super::{form, is_late, read};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Faults, Result},
    fields,
    page::{self as pages, Page, PageIn},
    tenancy::{TenantTx, expect_version},
};

/// That the authority was told.
#[derive(Clone, Debug, Default)]
pub struct NewNotice {
    /// The authority's reference, the way it was sent.
    pub note: Option<String>,
    /// Why it comes after 72 hours; needed then.
    pub late_reason: Option<String>,
}

/// Writes down that the authority is told now, what the form says now.
pub async fn notify(
    tx: &TenantTx,
    ctx: &Ctx,
    id: IncidentId,
    expected: Option<i32>,
    new: NewNotice,
) -> Result<incident_notice::Model> {
    let incident = read(tx, id).await?;
    expect_version(incident.version, expected)?;
    let now = ctx.now();
    let late = incident.notified_at.is_none() && is_late(&incident, now);
    let reason = new.late_reason.or_else(|| incident.late_reason.clone());
    let mut faults = Faults::default();
    fields::text(&mut faults, "/note", new.note.as_deref());
    fields::text(&mut faults, "/late_reason", reason.as_deref());
    faults.check(
        !late || reason.as_ref().is_some_and(|reason| !reason.trim().is_empty()),
        "/late_reason",
        "missing",
        "72 hours have passed: say why (Art. 33(1))",
    );
    faults.finish()?;
    let phase = next_phase(tx, id).await?;
    let incident = tx
        .update(incident::ActiveModel {
            id: Set(id),
            notified_at: Set(incident.notified_at.or(Some(now))),
            late_reason: Set(reason),
            updated_at: Set(now),
            version: Set(incident.version + 1),
            ..Default::default()
        })
        .await?;
    let filled = form(tx, ctx, &incident, phase).await?;
    let bytes = serde_json::to_vec(&filled)?;
    let hash = digest::digest(&digest::SHA256, &bytes);
    let facts = json!({ "phase": phase, "late": late, "form_sha256": hex::encode(hash) });
    let event = Event::new("incident.notified")
        .target("incident", id)
        .facts(facts);
    let audit_index = audit::record(tx, ctx, event).await?;
    let row = incident_notice::ActiveModel {
        id: Set(ctx.ids.next()),
        incident_id: Set(id),
        phase: Set(phase),
        form: Set(filled),
        note: Set(new.note),
        sent_at: Set(now),
        audit_index: Set(audit_index),
        ..Default::default()
    };
    Ok(tx.insert(row).await?)
}

/// The phase that the next notice of an incident begins, from 1.
pub async fn next_phase(tx: &TenantTx, id: IncidentId) -> Result<i32> {
    let before = tx
        .find::<incident_notice::Entity>()
        .filter(incident_notice::Column::IncidentId.eq(id))
        .count(tx.conn())
        .await?;
    i32::try_from(before + 1).map_err(Error::internal)
}

/// Lists what the authority was told of an incident, newest first.
pub async fn list_notices(
    tx: &TenantTx,
    id: IncidentId,
    page: &PageIn,
) -> Result<Page<incident_notice::Model>> {
    use incident_notice::Column;
    read(tx, id).await?;
    let rows = tx
        .find::<incident_notice::Entity>()
        .filter(Column::IncidentId.eq(id));
    pages::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one notice.
pub async fn read_notice(
    tx: &TenantTx,
    incident: IncidentId,
    id: IncidentNoticeId,
) -> Result<incident_notice::Model> {
    let notice = tx.get::<incident_notice::Entity, _>(id, "notice").await?;
    if notice.incident_id == incident {
        Ok(notice)
    } else {
        Err(Error::NotFound { what: "notice" })
    }
}
