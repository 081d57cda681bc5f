//! What a log has signed: kept, listed, and shown to be one history.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{log_checkpoint, log_head};
use ledger::{Continuation, proof};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::OnConflict};

use super::{head, load, unsigned};
use crate::{
    ctx::Ctx,
    error::{Error, Faults, Result},
    page::{Cursor, Page, PageIn},
    tenancy::{TenantScope, TenantTx},
};

/// Every checkpoint is kept this long, and then the first of every hour.
const ALL_KEPT: TimeDelta = TimeDelta::days(7);

/// Writes a checkpoint down as the newest. One in which keys change is kept for good.
pub(super) async fn keep(tx: &TenantTx, ctx: &Ctx, size: i64, note: &str, changes_key: bool) -> Result<()> {
    use log_checkpoint::Column;
    let now = ctx.now();
    let hour = now - TimeDelta::milliseconds(now.timestamp_millis().rem_euclid(3_600_000));
    let first = tx
        .find::<log_checkpoint::Entity>()
        .filter(Column::SignedAt.gte(hour))
        .filter(Column::Kept.eq(true))
        .limit(1)
        .one(tx.conn())
        .await?
        .is_none();
    let row = log_checkpoint::ActiveModel {
        size: Set(size),
        checkpoint: Set(note.to_owned()),
        signed_at: Set(now),
        kept: Set(first || changes_key),
        ..Default::default()
    };
    let clash = OnConflict::columns([Column::TenantId, Column::Size])
        .update_columns([Column::Checkpoint, Column::SignedAt, Column::Kept])
        .to_owned();
    tx.upsert(row, clash).await?;
    tx.update_many::<log_head::Entity>()
        .set(log_head::ActiveModel {
            checkpoint: Set(Some(note.to_owned())),
            checkpoint_size: Set(size),
            signed_at: Set(Some(now)),
            ..Default::default()
        })
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Forgets old checkpoints but the first of every hour. Answers how many.
pub(crate) async fn thin(ctx: &Ctx) -> Result<u64> {
    use log_checkpoint::Column;
    let tx = ctx
        .store
        .system("the worker thins out the checkpoints of all tenants")
        .await?;
    let gone = tx
        .delete_many::<log_checkpoint::Entity>()
        .filter(Column::SignedAt.lt(ctx.now() - ALL_KEPT))
        .filter(Column::Kept.eq(false))
        .exec(tx.conn())
        .await?
        .rows_affected;
    tx.save().await?;
    Ok(gone)
}

/// Which checkpoints to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Not signed before.
    pub from: Option<DateTime<Utc>>,
    /// Signed before.
    pub to: Option<DateTime<Utc>>,
}

/// Lists checkpoints, newest first.
pub async fn list(tx: &TenantTx, filter: Filter, page: &PageIn) -> Result<Page<log_checkpoint::Model>> {
    use log_checkpoint::Column;
    let mut rows = tx
        .find::<log_checkpoint::Entity>()
        .order_by_desc(Column::Size)
        .limit(page.limit + 1);
    if let Some(after) = page.after_number()? {
        rows = rows.filter(Column::Size.lt(after));
    }
    if let Some(from) = filter.from {
        rows = rows.filter(Column::SignedAt.gte(from));
    }
    if let Some(to) = filter.to {
        rows = rows.filter(Column::SignedAt.lt(to));
    }
    let rows = rows.all(tx.conn()).await?;
    Ok(Page::cut(rows, page, |row| Cursor::Number(row.size)))
}

/// A state of the log: by its size, or the last one signed until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// With so many entries.
    Size(i64),
    /// As it was signed last, then.
    Moment(DateTime<Utc>),
}

/// Shows that the log at `new` (the newest checkpoint, if none is named) continues the log at `old`.
///
/// # Errors
/// `Invalid` when `old` is after `new` or after the end of the log, `NotFound` when there is no such checkpoint.
pub async fn continuation(ctx: &Ctx, scope: &TenantScope, old: At, new: Option<At>) -> Result<Continuation> {
    // Signs what is not signed yet, so that "until now" and the newest size are there.
    let newest = head(ctx, scope).await?;
    let tx = ctx.store.read(scope).await?;
    let (new_size, checkpoint) = match new {
        None => (newest.size, newest.checkpoint),
        Some(new) => {
            let row = find(&tx, new).await?;
            (row.size, row.checkpoint)
        }
    };
    let old_size = match old {
        At::Size(size) => size,
        At::Moment(_) => find(&tx, old).await?.size,
    };
    let mut faults = Faults::default();
    faults.check(
        (0..=new_size).contains(&old_size),
        "?old",
        "out_of_range",
        format!("name a size from 0 to {new_size}: a log only grows"),
    );
    faults.finish()?;
    let (old_size, new_size) = (unsigned(old_size)?, unsigned(new_size)?);
    let tiles = load(&tx, &proof::consistency_tiles(old_size, new_size)).await?;
    Ok(Continuation {
        old_size,
        hashes: proof::consistency(old_size, new_size, &tiles)?,
        checkpoint,
    })
}

async fn find(tx: &TenantTx, at: At) -> Result<log_checkpoint::Model> {
    use log_checkpoint::Column;
    let rows = tx.find::<log_checkpoint::Entity>();
    let rows = match at {
        At::Size(size) => rows.filter(Column::Size.eq(size)),
        At::Moment(moment) => rows
            .filter(Column::SignedAt.lte(moment))
            .order_by_desc(Column::Size),
    };
    rows.limit(1).one(tx.conn()).await?.ok_or(Error::NotFound {
        what: "signed checkpoint",
    })
}
