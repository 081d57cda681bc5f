//! What rested on a consent alone goes with it (GDPR Art. 17(1)(b)).
//!
//! A person's messages for a purpose are sealed under a key of that person and that purpose. When a consent ends and
//! consent was the purpose's only basis, that key is destroyed, which reaches every copy; then the rows go. A new consent
//! begins with a new key: nothing sealed under the old one opens again. See docs/decisions/0017.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    consent_state,
    id::{PurposeId, SubjectId},
    message::{self, Column},
    purpose::{self, LawfulBasis},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::is_valid_at;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    holds,
    ids::MessageId,
    jobs::{self, Job},
    messages, pictures,
    retention::counts,
    tenancy::{TenantScope, TenantTx},
};

/// Erase what rested on a consent that ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EraseWithdrawn {
    /// Whose.
    pub subject: SubjectId,
    /// To what.
    pub purpose: PurposeId,
    /// Messages that were on their way into the journal when the gate closed have arrived by now.
    pub late: bool,
}

impl Job for EraseWithdrawn {
    const KIND: &'static str = "erase_withdrawn";
}

/// By then nothing that was admitted before the gate closed is still on its way.
const LATE: TimeDelta = TimeDelta::seconds(60);
/// Rows per transaction: few enough that others write in between.
const BATCH: u64 = 2_000;

/// Orders the erasure, unless the purpose has another basis to go on with.
pub(super) async fn order(
    tx: &TenantTx,
    ctx: &Ctx,
    purpose: &purpose::Model,
    subject: SubjectId,
) -> Result<()> {
    if purpose.lawful_basis != LawfulBasis::Consent {
        return Ok(());
    }
    let mut job = EraseWithdrawn {
        subject,
        purpose: purpose.id,
        late: false,
    };
    jobs::enqueue(tx, ctx, &job).await?;
    job.late = true;
    jobs::enqueue_at(tx, ctx, &job, ctx.now() + LATE).await?;
    Ok(())
}

/// A consent comes back. Whatever the erasure has not got to yet must not open again: the key goes before anything can be
/// sealed under it anew. While the gate is closed nothing is; so it does no harm should the transaction fail.
///
/// What a hold covers is put aside by the erasure, in transactions of its own; until then the consent has to wait.
pub(super) async fn begin_anew(
    tx: &TenantTx,
    ctx: &Ctx,
    purpose: &purpose::Model,
    subject: SubjectId,
) -> Result<()> {
    if purpose.lawful_basis != LawfulBasis::Consent {
        return Ok(());
    }
    if holds::is_waiting(tx, ctx, subject, Some(purpose.id)).await? {
        return Err(Error::conflict(
            "erasure_under_way",
            "what rested on the consent before is still being put aside for a legal hold; repeat this in a few seconds",
        ));
    }
    ctx.keys
        .destroy_subject_purpose(purpose.tenant_id, subject, purpose.id)
        .await?;
    Ok(())
}

/// Does what [`EraseWithdrawn`] says. Every step can be run again.
pub async fn erase_withdrawn(ctx: &Ctx, scope: &TenantScope, job: &EraseWithdrawn) -> Result<()> {
    let messages = {
        // What a hold covers is not the person's to take away (GDPR Art. 17(3)(e)).
        let watch = holds::watch(ctx, scope).await?;
        holds::preserve_subject(ctx, scope, &watch, job.subject, Some(job.purpose)).await?;
        let before = destroy_key(ctx, scope, job).await?;
        remove(ctx, scope, job, before).await?
    };
    if messages == 0 {
        return Ok(());
    }
    let tx = ctx.store.begin(scope).await?;
    let facts = json!({ "messages": messages, "late": job.late });
    let event = Event::new("consent.data_erased")
        .target("purpose", job.purpose)
        .subject(job.subject)
        .facts(facts);
    audit::record(&tx, ctx, event).await?;
    tx.save().await?;
    Ok(())
}

/// Destroys the key, unless the person consented again: then it is a new one. Answers before which message everything
/// goes; none: all of it.
async fn destroy_key(ctx: &Ctx, scope: &TenantScope, job: &EraseWithdrawn) -> Result<Option<MessageId>> {
    let tx = ctx.store.begin(scope).await?;
    let event = Event::new("consent.key_destroyed")
        .target("purpose", job.purpose)
        .subject(job.subject)
        .facts(json!({ "late": job.late }));
    // The log has one head, locked until this ends: no consent is recorded between the look and the act.
    audit::record(&tx, ctx, event).await?;
    if let Some(since) = since_when_valid(&tx, ctx, job).await? {
        return Ok(Some(MessageId::first_at(since)));
    }
    let keys = ctx
        .keys
        .destroy_subject_purpose(scope.tenant(), job.subject, job.purpose)
        .await?;
    if keys > 0 {
        tx.save().await?;
    }
    Ok(None)
}

/// When the person consented again, if they did.
async fn since_when_valid(tx: &TenantTx, ctx: &Ctx, job: &EraseWithdrawn) -> Result<Option<DateTime<Utc>>> {
    use entity::consent_event;
    let state = tx
        .find_by_id::<consent_state::Entity, _>((job.subject, job.purpose))
        .one(tx.conn())
        .await?;
    let Some(state) = state.filter(|state| is_valid_at(state, ctx.now())) else {
        return Ok(None);
    };
    // When it was written down, not when the person is said to have acted: that is when the gate opened.
    let event = tx
        .find_by_id::<consent_event::Entity, _>(state.event_id)
        .one(tx.conn())
        .await?;
    Ok(event.map(|event| event.recorded_at))
}

/// Removes the person's messages for the purpose, oldest first, a range at a time. Answers how many.
async fn remove(
    ctx: &Ctx,
    scope: &TenantScope,
    job: &EraseWithdrawn,
    before: Option<MessageId>,
) -> Result<u64> {
    let picture = pictures::load(ctx, scope).await?;
    let classes: Vec<i64> = picture
        .classes()
        .into_iter()
        .filter(|(_, class)| class.key.purpose == Some(job.purpose))
        .map(|(id, _)| id)
        .collect();
    let mut total = 0;
    for some in classes.chunks(500) {
        let theirs = Condition::all()
            .add(Column::SubjectId.eq(job.subject))
            .add(Column::ClassId.is_in(some.iter().copied()))
            .add_option(before.map(|before| Column::Id.lt(before.0)));
        loop {
            let tx = ctx.store.begin(scope).await?;
            let rows: Vec<(i64, i64)> = tx
                .find::<message::Entity>()
                .select_only()
                .column(Column::ClassId)
                .column(Column::Id)
                .filter(theirs.clone())
                .order_by_asc(Column::Id)
                .limit(BATCH)
                .into_tuple()
                .all(tx.conn())
                .await?;
            let Some((_, last)) = rows.last() else { break };
            for (class, gone) in messages::gone_for_good(&tx, &rows).await? {
                counts::deleted(&tx, class, gone).await?;
            }
            total += tx
                .delete_many::<message::Entity>()
                .filter(theirs.clone())
                .filter(Column::Id.lte(*last))
                .exec(tx.conn())
                .await?
                .rows_affected;
            tx.save().await?;
            tokio::task::yield_now().await;
        }
    }
    if total > 0 {
        ctx.store.forget_log().await?;
    }
    Ok(total)
}
