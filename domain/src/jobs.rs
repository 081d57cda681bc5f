//! Background work: written in the transaction that makes it necessary, done by the worker, tried again when it fails.

mod claims;
mod oversight;

use chrono::{DateTime, Utc};
use entity::{
    id::JobId,
    job::{self, JobState},
};
use sea_orm::Set;
use serde::{Serialize, de::DeserializeOwned};

pub use claims::{Claimed, Ending, claim, fail, finish, renew};
pub use oversight::{Filter, cancel, list, read, retry};

use crate::{ctx::Ctx, error::Result, tenancy::TenantTx};

/// A kind of work, by its payload.
pub trait Job: Serialize + DeserializeOwned {
    /// Imperative, stable: it is stored.
    const KIND: &'static str;
    /// Attempts before it is given up.
    const ATTEMPTS: i32 = 10;
}

/// Orders work to be done as soon as the transaction is saved.
pub async fn enqueue<J: Job>(tx: &TenantTx, ctx: &Ctx, payload: &J) -> Result<JobId> {
    enqueue_at(tx, ctx, payload, ctx.now()).await
}

/// Orders work to be done at a time.
pub async fn enqueue_at<J: Job>(
    tx: &TenantTx,
    ctx: &Ctx,
    payload: &J,
    run_at: DateTime<Utc>,
) -> Result<JobId> {
    let id = ctx.ids.next();
    tx.insert(job::ActiveModel {
        id: Set(id),
        kind: Set(J::KIND.to_owned()),
        payload: Set(serde_json::to_value(payload)?),
        state: Set(JobState::Ready),
        attempts: Set(0),
        run_at: Set(run_at),
        created_at: Set(ctx.now()),
        locked_by: Set(None),
        locked_until: Set(None),
        last_error: Set(None),
        finished_at: Set(None),
        ..Default::default()
    })
    .await?;
    Ok(id)
}
