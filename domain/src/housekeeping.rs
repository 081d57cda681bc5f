//! Upkeep that belongs to no single noun: checkpoints for logs that grew, and rows whose time is over.
//! Messages, connections and audit events are not here, [`crate::retention`] removes those; nor is what accounts leave
//! behind ([`crate::sign_ins`]).

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    export, export_part,
    id::{ExportId, RequestId},
    idempotency,
    job::{self, JobState},
    log_head,
    mail::{self, MailState},
    portal_code, portal_sign_in, request, request_event, request_message, tenant,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Error, Result,
    ctx::Ctx,
    deadlines, log,
    requests::OPEN,
    tenancy::{Actor, SystemTx, TenantScope},
};

/// Work that was done is shown this long.
const DONE_JOBS: TimeDelta = TimeDelta::days(1);
/// Work that was given up is shown this long.
const DEAD_JOBS: TimeDelta = TimeDelta::days(30);
/// The empty envelopes of mails are kept this long.
const MAILS: TimeDelta = TimeDelta::days(30);
/// The count of codes per address looks back this far.
const CODES: TimeDelta = TimeDelta::hours(1);
/// Rows in one go.
const BATCH: u64 = 1_000;

/// Signs a checkpoint for every log that grew since its last. Answers how many.
pub async fn sign_checkpoints(ctx: &Ctx) -> Result<u64> {
    let view = ctx
        .store
        .system_read("the worker signs the logs of all tenants")
        .await?;
    let behind = view
        .find::<log_head::Entity>()
        .filter(Expr::col(log_head::Column::Size).gt(Expr::col(log_head::Column::CheckpointSize)))
        .limit(BATCH)
        .all(view.conn())
        .await?;
    drop(view);
    let mut signed = 0;
    for head in behind {
        match log::head(ctx, &TenantScope::new(head.tenant_id, Actor::System)).await {
            Ok(_) => signed += 1,
            // A tenant that was deleted: its rows are being removed, and nothing is signed any more.
            Err(Error::Gone { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(signed)
}

/// Removes rows whose time is over. Answers how many.
pub async fn sweep(ctx: &Ctx) -> Result<u64> {
    let now = ctx.now();
    let tx = ctx
        .store
        .system("the worker removes what is over, of all tenants")
        .await?;
    let mut gone = 0;
    gone += remove::<portal_code::Entity>(&tx, portal_code::Column::CreatedAt, now - CODES).await?;
    gone += remove::<portal_sign_in::Entity>(&tx, portal_sign_in::Column::ExpiresAt, now).await?;
    gone += remove::<idempotency::Entity>(&tx, idempotency::Column::ExpiresAt, now).await?;
    for (state, kept) in [
        (JobState::Done, DONE_JOBS),
        (JobState::Dead, DEAD_JOBS),
        (JobState::Cancelled, DEAD_JOBS),
    ] {
        gone += tx
            .delete_many::<job::Entity>()
            .filter(job::Column::State.eq(state))
            .filter(job::Column::FinishedAt.lt(now - kept))
            .exec(tx.conn())
            .await?
            .rows_affected;
    }
    gone += tx
        .delete_many::<mail::Entity>()
        .filter(mail::Column::State.ne(MailState::Queued))
        .filter(mail::Column::CreatedAt.lt(now - MAILS))
        .exec(tx.conn())
        .await?
        .rows_affected;
    tx.save().await?;
    gone += log::thin(ctx).await?;
    gone += sweep_exports(ctx).await?;
    Ok(gone)
}

async fn remove<E: EntityTrait>(tx: &SystemTx, column: E::Column, before: DateTime<Utc>) -> Result<u64> {
    let removed = tx
        .delete_many::<E>()
        .filter(column.lte(before))
        .exec(tx.conn())
        .await?;
    Ok(removed.rows_affected)
}

/// Exports whose time is over, parts first: an export without parts is at worst a download that fails.
async fn sweep_exports(ctx: &Ctx) -> Result<u64> {
    let tx = ctx
        .store
        .system("the worker removes expired exports of all tenants")
        .await?;
    let expired: Vec<ExportId> = tx
        .find::<export::Entity>()
        .select_only()
        .column(export::Column::Id)
        .filter(export::Column::ExpiresAt.lte(ctx.now()))
        .limit(BATCH)
        .into_tuple()
        .all(tx.conn())
        .await?;
    if expired.is_empty() {
        return Ok(0);
    }
    tx.delete_many::<export_part::Entity>()
        .filter(export_part::Column::ExportId.is_in(expired.iter().copied()))
        .exec(tx.conn())
        .await?;
    let gone = tx
        .delete_many::<export::Entity>()
        .filter(export::Column::Id.is_in(expired.iter().copied()))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(gone.rows_affected)
}

/// Removes requests that ended so long ago that not even their record has to be kept. Answers how many.
pub async fn sweep_requests(ctx: &Ctx) -> Result<u64> {
    let today = ctx.now().date_naive();
    let tx = ctx
        .store
        .system("the worker removes old requests of all tenants")
        .await?;
    let mut gone = 0;
    for profile in deadlines::profiles() {
        let tenants: Vec<_> = tx
            .find::<tenant::Entity>()
            .filter(tenant::Column::Jurisdiction.eq(profile.key.as_str()))
            .all(tx.conn())
            .await?
            .into_iter()
            .map(|tenant| tenant.id)
            .collect();
        let ended_before = profile
            .keep_records
            .before(today)
            .and_time(chrono::NaiveTime::MIN)
            .and_utc();
        for some in tenants.chunks(500) {
            let old: Vec<(RequestId, Option<ExportId>)> = tx
                .find::<request::Entity>()
                .select_only()
                .column(request::Column::Id)
                .column(request::Column::ExportId)
                .filter(request::Column::TenantId.is_in(some.iter().copied()))
                .filter(request::Column::State.is_not_in(OPEN))
                .filter(request::Column::CompletedAt.lt(ended_before))
                .limit(BATCH)
                .into_tuple()
                .all(tx.conn())
                .await?;
            if old.is_empty() {
                continue;
            }
            let exports = old.iter().filter_map(|(_, export)| *export);
            tx.delete_many::<export_part::Entity>()
                .filter(export_part::Column::ExportId.is_in(exports))
                .exec(tx.conn())
                .await?;
            let old: Vec<RequestId> = old.into_iter().map(|(id, _)| id).collect();
            tx.delete_many::<request_message::Entity>()
                .filter(request_message::Column::RequestId.is_in(old.iter().copied()))
                .exec(tx.conn())
                .await?;
            tx.delete_many::<request_event::Entity>()
                .filter(request_event::Column::RequestId.is_in(old.iter().copied()))
                .exec(tx.conn())
                .await?;
            gone += tx
                .delete_many::<request::Entity>()
                .filter(request::Column::Id.is_in(old))
                .exec(tx.conn())
                .await?
                .rows_affected;
        }
    }
    tx.save().await?;
    Ok(gone)
}
