//! The audit log: what happened, readable, and a leaf in the tenant's transparency log that proves it.
//!
//! An event and its leaf are written in the transaction that does the thing, so neither is without the other. A leaf
//! holds nothing personal: a person appears as a salted commitment, and the salt is in the event, which forgets it
//! when the person is erased. Leaves stay for good; events follow the tenant's retention rule for `audit_events`.

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{
    audit_event,
    id::{AuditEventId, SubjectId},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::{Value, json};
use vault::chance;

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    log,
    page::{Cursor, Page, PageIn},
    pictures,
    tenancy::TenantTx,
};

/// Something that happened, before it is written down.
#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static str,
    target: Option<(&'static str, String)>,
    subject: Option<SubjectId>,
    facts: Value,
}

impl Event {
    /// `kind` is past tense and dotted: `endpoint.created`.
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            target: None,
            subject: None,
            facts: json!({}),
        }
    }

    /// What it happened to.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "ids are small, and callers read better without a borrow"
    )]
    pub fn target(mut self, kind: &'static str, id: impl ToString) -> Self {
        self.target = Some((kind, id.to_string()));
        self
    }

    /// Whom it is about; the leaf gets a commitment instead.
    #[must_use]
    pub fn subject(mut self, subject: SubjectId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Details: counts, names of fields, versions. Never anything personal: they stay in the log for good.
    #[must_use]
    pub fn facts(mut self, facts: Value) -> Self {
        self.facts = facts;
        self
    }
}

/// Writes an event down. Answers its index in the tenant's log.
pub async fn record(tx: &TenantTx, ctx: &Ctx, event: Event) -> Result<i64> {
    let at = ctx.now();
    let salt = event.subject.map(|_| chance::bytes::<32>(&*ctx.chance));
    let commitment = event
        .subject
        .zip(salt)
        .map(|(subject, salt)| log::commitment(&salt, subject.0.as_bytes()));
    let entry = entry(tx, &event, at, commitment.as_deref());
    let index = log::append(tx, entry).await?;
    tx.insert(audit_event::ActiveModel {
        id: Set(ctx.ids.next()),
        index: Set(index),
        at: Set(at),
        kind: Set(event.kind.to_owned()),
        actor: Set(tx.actor().to_string()),
        target_kind: Set(event.target.as_ref().map(|(kind, _)| (*kind).to_owned())),
        target_id: Set(event.target.map(|(_, id)| id)),
        subject_id: Set(event.subject),
        facts: Set(event.facts),
        salt: Set(salt.map(Vec::from)),
        ..Default::default()
    })
    .await?;
    Ok(index)
}

/// The leaf's bytes: JSON with its keys in order, so that anybody can make it again from what it says.
fn entry(tx: &TenantTx, event: &Event, at: DateTime<Utc>, commitment: Option<&str>) -> Vec<u8> {
    let mut leaf = json!({
        "v": 1,
        "tenant": tx.tenant(),
        "at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "kind": event.kind,
        "actor": tx.actor().to_string(),
        "facts": event.facts,
    });
    // A subject as target is a person: only the commitment may name it.
    if let Some((kind, id)) = &event.target {
        leaf["target"] = if *kind == "subject" {
            json!({ "kind": kind })
        } else {
            json!({ "kind": kind, "id": id })
        };
    }
    if let Some(commitment) = commitment {
        leaf["subject_commitment"] = json!(commitment);
    }
    // serde_json keeps object keys sorted (its `preserve_order` feature is off in this workspace).
    leaf.to_string().into_bytes()
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A kind, or with a trailing dot the beginning of kinds: `endpoint.`.
    pub kind: Option<String>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    /// The kind of target.
    pub target_kind: Option<String>,
    /// The target.
    pub target_id: Option<String>,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
}

/// The events that the tenant's rule lets be read; without a rule, all of them.
async fn readable(tx: &TenantTx, ctx: &Ctx) -> Result<Condition> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let cutoff = picture
        .rules
        .audit_events()
        .map(|rule| rule.kept.cutoff(ctx.now()));
    Ok(Condition::all().add_option(cutoff.map(|cutoff| audit_event::Column::At.gte(cutoff))))
}

/// Lists events, newest first.
pub async fn list(
    tx: &TenantTx,
    ctx: &Ctx,
    filter: &Filter,
    page: &PageIn,
) -> Result<Page<audit_event::Model>> {
    use audit_event::Column;
    let mut rows = tx
        .find::<audit_event::Entity>()
        .filter(readable(tx, ctx).await?)
        .order_by_desc(Column::Index)
        .limit(page.limit + 1);
    if let Some(after) = page.after_number()? {
        rows = rows.filter(Column::Index.lt(after));
    }
    if let Some(kind) = &filter.kind {
        rows = match kind.strip_suffix('.') {
            Some(_) => rows.filter(Column::Kind.starts_with(kind)),
            None => rows.filter(Column::Kind.eq(kind)),
        };
    }
    if let Some(from) = filter.from {
        rows = rows.filter(Column::At.gte(from));
    }
    if let Some(to) = filter.to {
        rows = rows.filter(Column::At.lt(to));
    }
    if let Some(kind) = &filter.target_kind {
        rows = rows.filter(Column::TargetKind.eq(kind));
    }
    if let Some(id) = &filter.target_id {
        rows = rows.filter(Column::TargetId.eq(id));
    }
    if let Some(subject) = filter.subject {
        rows = rows.filter(Column::SubjectId.eq(subject));
    }
    let rows = rows.all(tx.conn()).await?;
    Ok(Page::cut(rows, page, |event| Cursor::Number(event.index)))
}

/// Reads one event.
pub async fn read(tx: &TenantTx, ctx: &Ctx, id: AuditEventId) -> Result<audit_event::Model> {
    let found = tx
        .find_by_id::<audit_event::Entity, _>(id)
        .filter(readable(tx, ctx).await?);
    found
        .one(tx.conn())
        .await?
        .ok_or(Error::NotFound { what: "audit event" })
}
