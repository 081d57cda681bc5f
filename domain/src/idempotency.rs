//! Remembered answers: a request that carries an `Idempotency-Key` is done once, however often it arrives.

use chrono::TimeDelta;
use entity::{id::IdempotencyId, idempotency};
use sea_orm::{ColumnTrait, Condition, QueryFilter, Set, sea_query::OnConflict};
use serde::{Deserialize, Serialize};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    tenancy::TenantScope,
};

/// How long an answer is remembered.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a request may take before the same key may start it again: its process may have died.
pub const RUNNING: TimeDelta = TimeDelta::minutes(2);

/// An answer to be given again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers worth repeating.
    pub headers: Vec<(String, String)>,
    /// The body, UTF-8.
    pub body: String,
}

/// What a key means.
#[derive(Debug)]
pub enum Begin {
    /// It is new: do it, then [`finish`] or [`abandon`].
    New(Ticket),
    /// It was done: this was the answer.
    Replay(Answer),
    /// It is being done.
    InProgress,
    /// The key was used for something else.
    Reused,
}

/// The right to do a request under its key.
#[derive(Debug)]
pub struct Ticket {
    scope: TenantScope,
    id: IdempotencyId,
}

pub(crate) fn context(id: IdempotencyId) -> String {
    format!("idempotency:{id}")
}

/// Looks a key up. `key` is the hash of caller, key, method and path; `body` that of the body.
pub async fn begin(ctx: &Ctx, scope: &TenantScope, key: [u8; 32], body: [u8; 32]) -> Result<Begin> {
    use idempotency::Column;
    let (now, id) = (ctx.now(), ctx.ids.next());
    let tx = ctx.store.begin(scope).await?;
    // What is too old, or was never finished, does not count.
    let stale = Condition::any().add(Column::ExpiresAt.lte(now)).add(
        Condition::all()
            .add(Column::Status.is_null())
            .add(Column::CreatedAt.lte(now - RUNNING)),
    );
    tx.delete_many::<idempotency::Entity>()
        .filter(Column::KeyHash.eq(key.to_vec()))
        .filter(stale)
        .exec(tx.conn())
        .await?;
    let row = idempotency::ActiveModel {
        id: Set(id),
        key_hash: Set(key.to_vec()),
        body_hash: Set(body.to_vec()),
        status: Set(None),
        answer_sealed: Set(None),
        created_at: Set(now),
        expires_at: Set(now + KEPT),
        ..Default::default()
    };
    tx.upsert(row, OnConflict::new().do_nothing().to_owned()).await?;
    let found = tx
        .find::<idempotency::Entity>()
        .filter(Column::KeyHash.eq(key.to_vec()))
        .one(tx.conn())
        .await?;
    let found = found.ok_or(Error::NotFound {
        what: "idempotency key",
    })?;
    tx.save().await?;
    if found.id == id {
        return Ok(Begin::New(Ticket {
            scope: scope.clone(),
            id,
        }));
    }
    if found.body_hash != body {
        return Ok(Begin::Reused);
    }
    let Some(sealed) = found.answer_sealed else {
        return Ok(Begin::InProgress);
    };
    let keys = ctx.keys.tenant(scope.tenant()).await?;
    Ok(Begin::Replay(serde_json::from_slice(
        &keys.tenant.open_value(&context(found.id), &sealed)?,
    )?))
}

/// Remembers the answer. Sealed: it may hold a secret that is shown once.
pub async fn finish(ctx: &Ctx, ticket: &Ticket, answer: &Answer) -> Result<()> {
    let keys = ctx.keys.tenant(ticket.scope.tenant()).await?;
    let sealed = keys
        .tenant
        .seal_value(&context(ticket.id), &serde_json::to_vec(answer)?, &*ctx.chance);
    let tx = ctx.store.begin(&ticket.scope).await?;
    tx.update_many::<idempotency::Entity>()
        .set(idempotency::ActiveModel {
            status: Set(Some(i16::try_from(answer.status).unwrap_or(i16::MAX))),
            answer_sealed: Set(Some(sealed)),
            ..Default::default()
        })
        .filter(idempotency::Column::Id.eq(ticket.id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

/// Forgets the key: the request failed for a reason that may pass, so it may be tried again.
pub async fn abandon(ctx: &Ctx, ticket: &Ticket) -> Result<()> {
    let tx = ctx.store.begin(&ticket.scope).await?;
    tx.delete_many::<idempotency::Entity>()
        .filter(idempotency::Column::Id.eq(ticket.id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}
