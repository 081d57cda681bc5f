//! Witnesses: who vouches from outside that a tenant's log only grew (c2sp.org/tlog-witness). With their word under a
//! checkpoint, showing two people two logs takes all of them.
//!
//! The worker asks those that are behind ([`claim`], [`settle`]); what they answer goes under the checkpoint, and with it
//! into every receipt from then on.

use chrono::TimeDelta;
use entity::{
    id::LogWitnessId,
    log_checkpoint, log_head,
    log_witness::{self, Column, WitnessFailure},
};
use ledger::{Verifier, cosignature};
use sea_orm::{
    ColumnTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::json;
use url::Url;

use super::{At, continuation, locked_head};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Faults, Result},
    page::{self, Page, PageIn},
    tenancy::{Actor, TenantScope, TenantTx, on_conflict},
};

/// A checkpoint holds the words of so many at most, of the hundred that a note may have.
const MAX_WITNESSES: u64 = 16;
/// Asked in one go.
const AT_ONCE: u64 = 64;
/// One that was asked and did not answer at all, because the asker died, is asked again after this.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// The first wait after a failure; each further failure doubles it.
const WAIT: TimeDelta = TimeDelta::seconds(5);
/// The longest wait.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);
const MAX_URL: usize = 2_000;

/// A witness to be asked from now on.
#[derive(Clone, Debug)]
pub struct NewWitness {
    /// `name+hash+key`, as the witness publishes it.
    pub verifier_key: String,
    /// Its submission prefix.
    pub url: String,
}

impl NewWitness {
    /// Checks what can be known from it alone.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        let cosigns = Verifier::parse(self.verifier_key.trim()).is_ok_and(|key| key.is_cosigner());
        faults.check(
            cosigns,
            "/verifier_key",
            "malformed",
            "give the witness's verifier key as it publishes it: name+hash+key, of the type for cosignatures (0x04)",
        );
        let url = Url::parse(&self.url).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        faults.check(
            url.is_some() && self.url.len() <= MAX_URL,
            "/url",
            "malformed",
            "give the witness's submission prefix, an http or https address without a query; /add-checkpoint is appended",
        );
        faults.finish()
    }
}

/// Adds a witness. It is asked with the next turn of the worker.
pub async fn add(tx: &TenantTx, ctx: &Ctx, new: NewWitness) -> Result<log_witness::Model> {
    new.check()?;
    let there = tx.find::<log_witness::Entity>().count(tx.conn()).await?;
    if there >= MAX_WITNESSES {
        return Err(Error::conflict(
            "too_many",
            format!("a log has at most {MAX_WITNESSES} witnesses; remove one first"),
        ));
    }
    let now = ctx.now();
    let row = log_witness::ActiveModel {
        id: Set(ctx.ids.next()),
        verifier_key: Set(new.verifier_key.trim().to_owned()),
        url: Set(new.url.trim_end_matches('/').to_owned()),
        stands_at: Set(0),
        cosigned_size: Set(0),
        cosigned_at: Set(None),
        failure: Set(None),
        failures: Set(0),
        due_at: Set(now),
        created_at: Set(now),
        ..Default::default()
    };
    let row = tx
        .insert(row)
        .await
        .map_err(|error| on_conflict(error, "log_witness", "verifier_key", "/verifier_key"))?;
    let event = Event::new("log.witness_added")
        .target("log_witness", row.id)
        .facts(json!({ "verifier_key": row.verifier_key }));
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// Lists witnesses, newest first.
pub async fn list(tx: &TenantTx, page: &PageIn) -> Result<Page<log_witness::Model>> {
    let rows = tx.find::<log_witness::Entity>();
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one witness.
async fn read(tx: &TenantTx, id: LogWitnessId) -> Result<log_witness::Model> {
    tx.get::<log_witness::Entity, _>(id, "witness").await
}

/// Asks a witness no more. What it cosigned stays cosigned.
pub async fn remove(tx: &TenantTx, ctx: &Ctx, id: LogWitnessId) -> Result<()> {
    let row = read(tx, id).await?;
    tx.delete_many::<log_witness::Entity>()
        .filter(Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let event = Event::new("log.witness_removed")
        .target("log_witness", id)
        .facts(json!({ "verifier_key": row.verifier_key }));
    audit::record(tx, ctx, event).await?;
    Ok(())
}

/// A question to a witness.
#[derive(Debug)]
pub struct Question {
    /// Where to.
    pub url: String,
    /// The body of `add-checkpoint`.
    pub body: String,
    scope: TenantScope,
    witness: LogWitnessId,
    key: Verifier,
    size: i64,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status and the body.
    Status(u16, String),
    /// Nothing.
    None,
}

/// The questions that are due, of all tenants. Nobody else asks them for a minute.
pub async fn claim(ctx: &Ctx) -> Result<Vec<Question>> {
    let now = ctx.now();
    let newest = Query::select()
        .column(log_head::Column::CheckpointSize)
        .from(log_head::Entity)
        .and_where(
            Expr::col((log_head::Entity, log_head::Column::TenantId))
                .eq(Expr::col((log_witness::Entity, Column::TenantId))),
        )
        .take();
    let view = ctx
        .store
        .system_read("the worker asks the witnesses of all tenants' logs")
        .await?;
    let due = view
        .find::<log_witness::Entity>()
        .filter(Column::DueAt.lte(now))
        .filter(Expr::col((log_witness::Entity, Column::CosignedSize)).lt(Expr::expr(newest)))
        .order_by_asc(Column::DueAt)
        .limit(AT_ONCE)
        .all(view.conn())
        .await?;
    drop(view);
    let mut questions = Vec::with_capacity(due.len());
    for row in due {
        let scope = TenantScope::new(row.tenant_id, Actor::System);
        let tx = ctx.store.begin(&scope).await?;
        let claimed = tx
            .update_many::<log_witness::Entity>()
            .set(log_witness::ActiveModel {
                due_at: Set(now + LEASE),
                ..Default::default()
            })
            .filter(Column::Id.eq(row.id))
            .filter(Column::DueAt.eq(row.due_at))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        if claimed.rows_affected == 1
            && let Some(question) = ask(ctx, scope, row).await?
        {
            questions.push(question);
        }
    }
    Ok(questions)
}

async fn ask(ctx: &Ctx, scope: TenantScope, row: log_witness::Model) -> Result<Option<Question>> {
    let proof = match continuation(ctx, &scope, At::Size(row.stands_at), None).await {
        Ok(proof) => proof,
        // The tenant was deleted.
        Err(Error::Gone { .. }) => return Ok(None),
        // The witness has seen more than there is.
        Err(Error::Invalid(_)) => {
            let tx = ctx.store.begin(&scope).await?;
            fail(&tx, ctx, &row, WitnessFailure::Conflict).await?;
            tx.save().await?;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let text = ledger::Checkpoint::parse_signed(&proof.checkpoint)?;
    Ok(Some(Question {
        url: format!("{}/add-checkpoint", row.url),
        body: proof.to_string(),
        key: Verifier::parse(&row.verifier_key)?,
        witness: row.id,
        size: super::signed(text.size)?,
        scope,
    }))
}

/// Takes an answer down. Whether it is a cosignature.
pub async fn settle(ctx: &Ctx, question: &Question, answer: Answer) -> Result<bool> {
    let tx = ctx.store.begin(&question.scope).await?;
    let Ok(row) = read(&tx, question.witness).await else {
        // It was removed meanwhile.
        return Ok(false);
    };
    let cosigned = match answer {
        Answer::Status(200, line) => keep(&tx, ctx, question, &row, &line).await?,
        Answer::Status(409, size) => {
            stand(&tx, ctx, question, &row, size.trim().parse().ok()).await?;
            false
        }
        other => {
            let failure = match other {
                Answer::Status(404, _) => WitnessFailure::UnknownLog,
                Answer::Status(403, _) => WitnessFailure::NotSigned,
                Answer::Status(422, _) => WitnessFailure::Conflict,
                Answer::Status(..) => WitnessFailure::BadAnswer,
                Answer::None => WitnessFailure::Unreachable,
            };
            fail(&tx, ctx, &row, failure).await?;
            false
        }
    };
    tx.save().await?;
    Ok(cosigned)
}

/// Puts the cosignature under the checkpoint that it is for.
async fn keep(
    tx: &TenantTx,
    ctx: &Ctx,
    question: &Question,
    row: &log_witness::Model,
    line: &str,
) -> Result<bool> {
    // Cosignatures come one at a time: the head is locked.
    let head = locked_head(tx).await?;
    let key = (tx.tenant(), question.size);
    let signed = tx
        .get::<log_checkpoint::Entity, _>(key, "signed checkpoint")
        .await?;
    let Ok(with) = cosignature::add(&signed.checkpoint, line, &question.key) else {
        fail(tx, ctx, row, WitnessFailure::BadAnswer).await?;
        return Ok(false);
    };
    if let Some(note) = with {
        tx.update_many::<log_checkpoint::Entity>()
            .set(log_checkpoint::ActiveModel {
                checkpoint: Set(note.clone()),
                ..Default::default()
            })
            .filter(log_checkpoint::Column::Size.eq(question.size))
            .exec(tx.conn())
            .await?;
        if head.checkpoint_size == question.size {
            tx.update_many::<log_head::Entity>()
                .set(log_head::ActiveModel {
                    checkpoint: Set(Some(note)),
                    ..Default::default()
                })
                .exec(tx.conn())
                .await?;
        }
    }
    let mut changed = row.clone().into_active_model();
    changed.stands_at = Set(question.size);
    changed.cosigned_size = Set(Ord::max(row.cosigned_size, question.size));
    changed.cosigned_at = Set(Some(ctx.now()));
    changed.failure = Set(None);
    changed.failures = Set(0);
    changed.due_at = Set(ctx.now());
    tx.update(changed).await?;
    Ok(true)
}

/// The witness stands elsewhere than was thought: at its first question, or when its answer was lost.
async fn stand(
    tx: &TenantTx,
    ctx: &Ctx,
    question: &Question,
    row: &log_witness::Model,
    size: Option<i64>,
) -> Result<()> {
    match size {
        Some(size) if size != row.stands_at && (0..=question.size).contains(&size) => {
            let mut changed = row.clone().into_active_model();
            changed.stands_at = Set(size);
            changed.due_at = Set(ctx.now());
            tx.update(changed).await?;
            Ok(())
        }
        Some(_) => fail(tx, ctx, row, WitnessFailure::Conflict).await,
        None => fail(tx, ctx, row, WitnessFailure::BadAnswer).await,
    }
}

async fn fail(tx: &TenantTx, ctx: &Ctx, row: &log_witness::Model, failure: WitnessFailure) -> Result<()> {
    let doublings = row.failures.clamp(0, 12);
    let mut changed = row.clone().into_active_model();
    changed.failure = Set(Some(failure));
    changed.failures = Set(row.failures.saturating_add(1));
    changed.due_at = Set(ctx.now() + (WAIT * (1 << doublings)).min(LONGEST_WAIT));
    tx.update(changed).await?;
    if failure == WitnessFailure::Conflict && row.failure != Some(failure) {
        // Said once, in the log that the witness will see: it cannot be taken back.
        let event = Event::new("log.witness_contradicted")
            .target("log_witness", row.id)
            .facts(json!({ "verifier_key": row.verifier_key }));
        audit::record(tx, ctx, event).await?;
        tracing::error!(tenant.id = %tx.tenant(), witness.id = %row.id, "a witness has seen another history of this log");
    }
    Ok(())
}
