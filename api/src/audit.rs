//! The audit log over REST: what happened, and receipts that prove it.

use chrono::{DateTime, Utc};
use domain::{audit, error::Error, log, page::PageIn, permissions::Permission};
use entity::{
    audit_event,
    id::{AuditEventId, SubjectId},
    log_checkpoint, log_key,
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use serde_json::Value;

use crate::{
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page},
    state::State,
    tags::Tag,
};

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
    /// All keys that the log signed with, newest first. Who pinned an older one finds where it handed over.
    keys: Vec<LogKey>,
    /// How many leaves it has.
    size: i64,
    /// The root over all of them, base64.
    root: String,
    /// The newest checkpoint, a signed note (C2SP).
    checkpoint: String,
    /// Where tiles and checkpoints are published.
    url: String,
}

/// A key that signs or signed a log.
#[derive(Clone, Debug, Object)]
pub struct LogKey {
    /// 1, 2, …: the greatest signs now.
    number: i32,
    /// `name+hash+key`
    verifier_key: String,
    /// The first checkpoint that it signed had this size.
    from_size: i64,
    from_at: DateTime<Utc>,
}

impl From<log_key::Model> for LogKey {
    fn from(row: log_key::Model) -> Self {
        Self {
            number: row.number,
            verifier_key: row.verifier_key,
            from_size: row.from_size,
            from_at: row.from_at,
        }
    }
}

/// A state of the log that was signed.
#[derive(Clone, Debug, Object)]
pub struct LogCheckpoint {
    /// How many leaves it covers.
    size: i64,
    signed_at: DateTime<Utc>,
    /// A signed note (C2SP).
    checkpoint: String,
}

impl From<log_checkpoint::Model> for LogCheckpoint {
    fn from(row: log_checkpoint::Model) -> Self {
        Self {
            size: row.size,
            signed_at: row.signed_at,
            checkpoint: row.checkpoint,
        }
    }
}

/// A size or a moment, whichever is given.
fn state_of_log(
    name: &'static str,
    size: Option<i64>,
    moment: Option<DateTime<Utc>>,
) -> Result<Option<log::At>, Error> {
    match (size, moment) {
        (Some(_), Some(_)) => Err(Error::invalid(
            name,
            "ambiguous",
            "name a size or a moment, not both",
        )),
        (Some(size), None) => Ok(Some(log::At::Size(size))),
        (None, Some(moment)) => Ok(Some(log::At::Moment(moment))),
        (None, None) => Ok(None),
    }
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
        let keys = log::list_keys(&tx).await?;
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
            keys: keys.into_iter().map(LogKey::from).collect(),
            size: head.size,
            root: head.root.to_base64(),
            checkpoint: head.checkpoint,
            url: url.to_string(),
        }))
    }
    /// List what the log has signed.
    ///
    /// Newest first. Every checkpoint for seven days, then the first of every hour, for good.
    #[oai(
        path = "/log/checkpoints",
        method = "get",
        operation_id = "list_log_checkpoints"
    )]
    async fn checkpoints(
        &self,
        caller: Caller,
        from: Query<Option<DateTime<Utc>>>,
        to: Query<Option<DateTime<Utc>>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<LogCheckpoint>>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = log::Filter {
            from: from.0,
            to: to.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            log::list(&tx, filter, &page).await?,
            LogCheckpoint::from,
        ))
    }

    /// Prove that the log only grew between two states.
    ///
    /// Each state is a size or a moment (then it is what was signed last until then); the later one is the newest unless
    /// it is named. The answer is the body of a witness's `add-checkpoint` (c2sp.org/tlog-witness): the earlier size, the
    /// proof, and the later checkpoint. `weir verify --consistency` checks it against the earlier checkpoint that you kept.
    #[oai(
        path = "/log/consistency",
        method = "get",
        operation_id = "read_log_consistency"
    )]
    async fn consistency(
        &self,
        caller: Caller,
        /// The earlier size; the empty log unless said otherwise
        old: Query<Option<i64>>,
        /// The moment of the earlier state
        from: Query<Option<DateTime<Utc>>>,
        /// The later size, of a checkpoint that was signed
        new: Query<Option<i64>>,
        /// The moment of the later state
        to: Query<Option<DateTime<Utc>>>,
    ) -> Result<PlainText<String>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let old = state_of_log("?old", old.0, from.0)?.unwrap_or(log::At::Size(0));
        let new = state_of_log("?new", new.0, to.0)?;
        let proof = log::continuation(&self.0.ctx, scope, old, new).await?;
        Ok(PlainText(proof.to_string()))
    }

    /// Replace the key that signs the log.
    ///
    /// The change is a leaf, and the checkpoint that covers it is signed by both keys. What the old key signed stays
    /// verifiable with it; its secret half is destroyed.
    #[oai(path = "/log/keys", method = "post", operation_id = "rotate_log_key")]
    async fn rotate_key(&self, caller: Caller) -> Result<Created<LogKey>, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        Ok(Created::fixed(log::rotate_key(&self.0.ctx, scope).await?))
    }
}
