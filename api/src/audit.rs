//! The audit log over REST: what happened, and receipts that prove it.

use chrono::{DateTime, Utc};
use domain::{audit, error::Error, log, page::PageIn, permissions::Permission};
use entity::{
    audit_event,
    id::{AuditEventId, SubjectId},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use serde_json::Value;

use crate::{caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// Something that happened.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditEvent {
    id: AuditEventId,
    /// Its leaf's index in the tenant's log.
    index: i64,
    at: DateTime<Utc>,
    /// Past tense, dotted: `endpoint.created`.
    kind: String,
    /// Who did it.
    actor: Actor,
    /// What it happened to.
    target: Option<Target>,
    /// Whom it is about, until they are erased.
    subject_id: Option<SubjectId>,
    /// Details; nothing personal.
    facts: Value,
    /// Where its receipt is.
    receipt_url: String,
}

/// Who acted.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Actor {
    /// `member`, `api_key`, `subject` or `system`.
    kind: String,
    id: Option<String>,
}

/// What something happened to.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Target {
    kind: String,
    id: Option<String>,
}

impl From<audit_event::Model> for AuditEvent {
    fn from(row: audit_event::Model) -> Self {
        let (kind, id) = match row.actor.split_once(':') {
            Some((kind, id)) => (kind.to_owned(), Some(id.to_owned())),
            None => (row.actor, None),
        };
        Self {
            receipt_url: format!("/api/v1/audit-events/{}/receipt", row.id),
            id: row.id,
            index: row.index,
            at: row.at,
            kind: row.kind,
            actor: Actor { kind, id },
            target: row.target_kind.map(|kind| Target {
                kind,
                id: row.target_id,
            }),
            subject_id: row.subject_id,
            facts: row.facts,
        }
    }
}

/// A tenant's transparency log.
#[derive(Clone, Debug, Object)]
pub struct Log {
    /// Its name in checkpoints.
    origin: String,
    /// What checkpoints and receipts are checked with: pin it.
    verifier_key: String,
    /// How many leaves it has.
    size: i64,
    /// The root over all of them, base64.
    root: String,
    /// The newest checkpoint, a signed note (C2SP).
    checkpoint: String,
    /// Where tiles and checkpoints are published.
    url: String,
}

/// The audit log.
pub struct AuditApi(pub State);

#[OpenApi(tag = "Tag::Audit")]
impl AuditApi {
    /// List audit events.
    #[oai(path = "/audit-events", method = "get", operation_id = "list_audit_events")]
    async fn list(
        &self,
        caller: Caller,
        /// A kind, or with a trailing dot the beginning of kinds: `endpoint.`
        kind: Query<Option<String>>,
        from: Query<Option<DateTime<Utc>>>,
        to: Query<Option<DateTime<Utc>>>,
        target_kind: Query<Option<String>>,
        target_id: Query<Option<String>>,
        subject_id: Query<Option<SubjectId>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<AuditEvent>>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = audit::Filter {
            kind: kind.0,
            from: from.0,
            to: to.0,
            target_kind: target_kind.0,
            target_id: target_id.0,
            subject: subject_id.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            audit::list(&tx, &self.0.ctx, &filter, &page).await?,
            AuditEvent::from,
        ))
    }

    /// Read an audit event.
    #[oai(
        path = "/audit-events/:audit_event_id",
        method = "get",
        operation_id = "read_audit_event"
    )]
    async fn read(
        &self,
        caller: Caller,
        audit_event_id: Path<AuditEventId>,
    ) -> Result<Json<AuditEvent>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Json(
            audit::read(&tx, &self.0.ctx, audit_event_id.0).await?.into(),
        ))
    }

    /// Take a receipt for an audit event.
    ///
    /// A `c2sp.org/tlog-proof@v1`: proves offline, with nothing but the log's verifier key, that the log holds the event.
    #[oai(
        path = "/audit-events/:audit_event_id/receipt",
        method = "get",
        operation_id = "read_audit_event_receipt"
    )]
    async fn receipt(
        &self,
        caller: Caller,
        audit_event_id: Path<AuditEventId>,
    ) -> Result<PlainText<String>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let event = audit::read(&tx, &self.0.ctx, audit_event_id.0).await?;
        drop(tx);
        Ok(PlainText(log::receipt(&self.0.ctx, scope, event.index).await?))
    }

    /// Take a receipt for an entry of the log.
    ///
    /// By its index: also for events whose details are already past their retention.
    #[oai(
        path = "/log/:index/receipt",
        method = "get",
        operation_id = "read_log_receipt"
    )]
    async fn log_receipt(&self, caller: Caller, index: Path<i64>) -> Result<PlainText<String>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        Ok(PlainText(log::receipt(&self.0.ctx, scope, index.0).await?))
    }

    /// See the tenant's log.
    #[oai(path = "/log", method = "get", operation_id = "read_log")]
    async fn log(&self, caller: Caller) -> Result<Json<Log>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let head = log::head(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let slug = domain::tenants::slug(&tx).await?;
        let url = self
            .0
            .ctx
            .settings
            .public_url
            .join(&format!("/log/{slug}/"))
            .map_err(Error::internal)?;
        Ok(Json(Log {
            origin: head.origin,
            verifier_key: head.verifier_key,
            size: head.size,
            root: head.root.to_base64(),
            checkpoint: head.checkpoint,
            url: url.to_string(),
        }))
    }
}
