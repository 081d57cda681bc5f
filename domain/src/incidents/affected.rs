//! Telling the persons (GDPR Art. 34): a mail to each whom the scope found, some at a time, and how far that has come.

use std::collections::HashMap;

use entity::{
    id::{IncidentId, MailId, SubjectId},
    incident::{self, IncidentState},
    incident_subject,
    mail::{self, MailState},
    subject,
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Scope, read, scope::is_under_way};
use crate::{
    audit::{self, Event},
    controllers::Controller,
    ctx::Ctx,
    error::{Error, Faults, Result},
    jobs::{self, Job},
    mails::{self, NewMail},
    page::{self as pages, Page, PageIn},
    subjects,
    tenancy::{TenantScope, TenantTx},
    tenants,
};

/// Mail the persons whom an incident touched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailAffected {
    /// Which.
    pub incident: IncidentId,
    /// In plain words: what happened and what they can do.
    pub message: String,
    /// Also those of whom nobody can read anything.
    pub everybody: bool,
}

impl Job for MailAffected {
    const KIND: &'static str = "mail_affected";
}

/// How far telling them has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Persons whom the scope found.
    pub affected: u64,
    /// Of those: nobody can read anything of theirs.
    pub unintelligible: u64,
    /// A mail to them waits.
    pub queued: u64,
    /// A mail to them was sent.
    pub sent: u64,
    /// A mail to them could not be sent.
    pub failed: u64,
    /// No address of theirs is known.
    pub unreachable: u64,
}

/// Persons in one transaction.
const BATCH: u64 = 200;
/// Longest message, in characters.
const MAX_MESSAGE: usize = 5_000;

/// Orders mails to those whom the scope found and who were not told yet.
pub async fn order_mails(
    tx: &TenantTx,
    ctx: &Ctx,
    id: IncidentId,
    message: String,
    everybody: bool,
) -> Result<Told> {
    let incident = read(tx, id).await?;
    let mut faults = Faults::default();
    faults.check(
        !message.trim().is_empty() && message.chars().count() <= MAX_MESSAGE,
        "/message",
        "not_a_message",
        format!("say in plain words what happened and what they can do, in at most {MAX_MESSAGE} characters"),
    );
    faults.finish()?;
    if incident.state == IncidentState::Closed {
        return Err(Error::conflict(
            "wrong_state",
            "the incident is closed; open it again first",
        ));
    }
    let Some(found) = Scope::last(&incident)? else {
        return Err(Error::conflict(
            "not_scoped",
            "nobody knows yet whom it touched; compute its scope first",
        ));
    };
    if incident.scope_step.is_some() {
        return Err(Error::conflict(
            "scoping",
            "its scope is being computed; wait until it is known whom it touched",
        ));
    }
    if found.is_stale(&incident)? {
        return Err(Error::conflict(
            "stale_scope",
            "its exposure, time or endpoints changed since its scope was computed; compute it anew",
        ));
    }
    if let Some(job) = incident.mail_job_id
        && is_under_way(tx, job).await?
    {
        return Err(Error::conflict(
            "mailing",
            "mails that were ordered before are still being written; order these when that is done",
        ));
    }
    let order = MailAffected {
        incident: id,
        message,
        everybody,
    };
    let job = jobs::enqueue(tx, ctx, &order).await?;
    let row = incident::ActiveModel {
        id: Set(id),
        mail_job_id: Set(Some(job)),
        ..Default::default()
    };
    tx.update(row).await?;
    let progress = told(tx, &incident).await?;
    let facts = json!({ "affected": progress.affected, "everybody": everybody });
    let event = Event::new("incident.mails_ordered")
        .target("incident", id)
        .facts(facts);
    audit::record(tx, ctx, event).await?;
    Ok(progress)
}

/// Mails some of them. Answers whether there may be more.
pub async fn mail_affected(ctx: &Ctx, scope: &TenantScope, job: &MailAffected) -> Result<bool> {
    use incident_subject::Column;
    let tx = ctx.store.begin(scope).await?;
    let incident = read(&tx, job.incident).await?;
    let tenant = tenants::read(&tx).await?;
    let controller = Controller::of(&tenant)?;
    let mut waiting = tx
        .find::<incident_subject::Entity>()
        .filter(Column::IncidentId.eq(job.incident))
        .filter(Column::MailId.is_null())
        .filter(Column::Unreachable.eq(false))
        .order_by_asc(Column::SubjectId)
        .limit(BATCH);
    if !job.everybody {
        waiting = waiting.filter(Column::Unintelligible.eq(false));
    }
    let waiting = waiting.all(tx.conn()).await?;
    if waiting.is_empty() {
        return Ok(false);
    }
    for one in &waiting {
        let mail = match address(&tx, ctx, one.subject_id).await? {
            Some(to) => {
                let new = NewMail {
                    template: "incident_notice",
                    to,
                    language: tenant.language.clone(),
                    values: json!({
                        "message": job.message,
                        "from": incident.started_at.to_rfc3339(),
                        "consequences": incident.effects,
                        "measures": incident.measures,
                        "contact": controller.contact(&tenant),
                        "contact_name": controller.dpo_name,
                    }),
                };
                Some(mails::enqueue(&tx, ctx, new).await?)
            }
            None => None,
        };
        note(&tx, job.incident, one.subject_id, mail).await?;
    }
    tx.save().await?;
    Ok(true)
}

async fn note(tx: &TenantTx, incident: IncidentId, subject: SubjectId, mail: Option<MailId>) -> Result<()> {
    tx.update_many::<incident_subject::Entity>()
        .set(incident_subject::ActiveModel {
            mail_id: Set(mail),
            unreachable: Set(mail.is_none()),
            ..Default::default()
        })
        .filter(incident_subject::Column::IncidentId.eq(incident))
        .filter(incident_subject::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    Ok(())
}

async fn address(tx: &TenantTx, ctx: &Ctx, id: SubjectId) -> Result<Option<String>> {
    let row = tx.find_by_id::<subject::Entity, _>(id).one(tx.conn()).await?;
    match row {
        Some(row) => Ok(subjects::reveal(ctx, row).await?.email),
        None => Ok(None),
    }
}

/// Somebody whom an incident touched, and whether they were told.
#[derive(Clone, Debug)]
pub struct AffectedSubject {
    /// What the scope found.
    pub row: incident_subject::Model,
    /// How their mail stands; none: there is none, or it was sent long ago.
    pub mail: Option<MailState>,
}

/// Which persons to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct AffectedFilter {
    /// Whether nobody can read anything of theirs.
    pub unintelligible: Option<bool>,
    /// Whether a mail to them was written.
    pub told: Option<bool>,
}

/// Lists whom an incident touched.
pub async fn list_affected(
    tx: &TenantTx,
    id: IncidentId,
    filter: AffectedFilter,
    page: &PageIn,
) -> Result<Page<AffectedSubject>> {
    use incident_subject::Column;
    read(tx, id).await?;
    let mut rows = tx
        .find::<incident_subject::Entity>()
        .filter(Column::IncidentId.eq(id));
    if let Some(unintelligible) = filter.unintelligible {
        rows = rows.filter(Column::Unintelligible.eq(unintelligible));
    }
    rows = match filter.told {
        Some(true) => rows.filter(Column::MailId.is_not_null()),
        Some(false) => rows.filter(Column::MailId.is_null()),
        None => rows,
    };
    let rows = pages::by_id(rows, tx.conn(), Column::SubjectId, page, |row| row.subject_id.0).await?;
    let mails: HashMap<MailId, MailState> = tx
        .find::<mail::Entity>()
        .select_only()
        .column(mail::Column::Id)
        .column(mail::Column::State)
        .filter(mail::Column::Id.is_in(rows.items.iter().filter_map(|row| row.mail_id)))
        .into_tuple()
        .all(tx.conn())
        .await?
        .into_iter()
        .collect();
    Ok(rows.map(|row| AffectedSubject {
        mail: row.mail_id.and_then(|id| mails.get(&id).copied()),
        row,
    }))
}

/// How far telling them has come.
pub async fn told(tx: &TenantTx, incident: &incident::Model) -> Result<Told> {
    use incident_subject::Column;
    let theirs = || {
        tx.find::<incident_subject::Entity>()
            .filter(Column::IncidentId.eq(incident.id))
    };
    let mails: Vec<MailId> = theirs()
        .select_only()
        .column(Column::MailId)
        .filter(Column::MailId.is_not_null())
        .into_tuple()
        .all(tx.conn())
        .await?;
    let mut told = Told {
        affected: theirs().count(tx.conn()).await?,
        unintelligible: theirs()
            .filter(Column::Unintelligible.eq(true))
            .count(tx.conn())
            .await?,
        unreachable: theirs()
            .filter(Column::Unreachable.eq(true))
            .count(tx.conn())
            .await?,
        ..Told::default()
    };
    let mut known = 0;
    for some in mails.chunks(500) {
        let states: Vec<MailState> = tx
            .find::<mail::Entity>()
            .select_only()
            .column(mail::Column::State)
            .filter(mail::Column::Id.is_in(some.iter().copied()))
            .into_tuple()
            .all(tx.conn())
            .await?;
        for state in states {
            known += 1;
            match state {
                MailState::Sent => told.sent += 1,
                MailState::Failed => told.failed += 1,
                MailState::Queued => told.queued += 1,
            }
        }
    }
    // Envelopes go after a month; by then they were sent.
    told.sent += mails.len() as u64 - known;
    Ok(told)
}
