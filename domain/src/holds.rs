//! Legal holds: what one covers is kept, whatever rules and persons say, until it is lifted. It is for whoever must
//! not destroy evidence, and for nobody else: on every ordinary way of reading, what has expired stays unreadable.
//!
//! A message lives where it lives until its rule, or its person's erasure, ends it. Just before that ([`preserve`]) what
//! a hold covers is opened, sealed again under a key of the hold's own, and put aside; then the message goes like any
//! other. So no bucket is kept open for the sake of a hold, and lifting one destroys what it kept with one key.

mod input;
mod preserve;
mod read;
mod release;
mod review;
mod scope;
#[cfg(test)]
mod tests;
mod watch;

use entity::{
    data_type, endpoint,
    hold::{self, HoldState},
    id::{EndpointId, HoldId, PurposeId, SubjectId},
    purpose, subject,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, IntoActiveModel, QueryFilter};
use serde_json::json;

pub use input::{HoldPatch, NewHold};
pub(crate) use preserve::{is_waiting, preserve, preserve_subject};
pub use read::{Held, count, messages, open};
pub use release::{destroy_key, release, sweep};
pub use review::remind;
pub(crate) use scope::keeping;
pub use watch::begin;
pub(crate) use watch::{Watch, watch};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Faults, Result},
    page::{self, Page, PageIn},
    references,
    tenancy::{TenantTx, expect_version},
};

/// Places a hold, in a transaction that [`begin`] began. It stands from its start on, for what is stored then and what comes
/// later.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewHold) -> Result<hold::Model> {
    let now = ctx.now();
    let mut row = new.check(now)?;
    row.id = ctx.ids.next();
    row.tenant_id = tx.tenant();
    row.number = ctx.ids.next_message().0;
    row.placed_by = tx.actor().to_string();
    check_scope(tx, &row).await?;
    let event = Event::new("hold.placed")
        .target("hold", row.id)
        .facts(facts(&row));
    row.placed_index = audit::record(tx, ctx, event).await?;
    Ok(tx.insert(row.into_active_model().reset_all()).await?)
}

/// What a leaf says of a hold. Its person is not in it, and neither are its reason and authority, which people write.
fn facts(row: &hold::Model) -> serde_json::Value {
    json!({
        "endpoint": row.endpoint_id,
        "channel_pattern": row.channel_pattern,
        "data_type": row.data_type_id,
        "purpose": row.purpose_id,
        "of_a_person": row.subject_id.is_some(),
        "recorded_from": row.recorded_from,
        "recorded_to": row.recorded_to,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "version": row.version,
    })
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<HoldState>,
    /// Naming this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Naming this purpose.
    pub purpose: Option<PurposeId>,
    /// Naming this person.
    pub subject: Option<SubjectId>,
    /// Only those whose review is due, or only the others.
    pub review_due: Option<bool>,
}

/// Lists holds, newest first.
pub async fn list(tx: &TenantTx, ctx: &Ctx, filter: &Filter, page: &PageIn) -> Result<Page<hold::Model>> {
    use hold::Column;
    let due = Condition::all()
        .add(Column::State.eq(HoldState::Active))
        .add(Column::NextReviewAt.lte(ctx.now()));
    let wanted = Condition::all()
        .add_option(
            filter
                .review_due
                .map(|wanted| if wanted { due } else { due.not() }),
        )
        .add_option(filter.purpose.map(|purpose| Column::PurposeId.eq(purpose)))
        .add_option(filter.state.map(|state| Column::State.eq(state)))
        .add_option(filter.endpoint.map(|endpoint| Column::EndpointId.eq(endpoint)))
        .add_option(filter.subject.map(|subject| Column::SubjectId.eq(subject)));
    let rows = tx.find::<hold::Entity>().filter(wanted);
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one hold.
pub async fn find(tx: &TenantTx, id: HoldId) -> Result<hold::Model> {
    tx.get::<hold::Entity, _>(id, "hold").await
}

/// One whose end has come does not stand any more, whether or not anybody has ended it: nobody may prolong it then, since
/// what it covered may be gone.
fn standing(row: &hold::Model, ctx: &Ctx) -> Result<()> {
    if row.state == HoldState::Active && row.ends_at.is_none_or(|end| end > ctx.now()) {
        return Ok(());
    }
    Err(Error::conflict(
        "wrong_state",
        "this hold does not stand any more; place a new one",
    ))
}

/// Changes how a hold is described, until when it stands, and how often it is reviewed. What it covers never changes:
/// that would be another hold.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: HoldId,
    expected: Option<i32>,
    patch: HoldPatch,
) -> Result<hold::Model> {
    let current = find(tx, id).await?;
    expect_version(current.version, expected)?;
    standing(&current, ctx)?;
    let mut row = patch.check(current, ctx.now())?;
    row.version += 1;
    row.updated_at = ctx.now();
    let row = tx.update(row.into_active_model().reset_all()).await?;
    let event = Event::new("hold.updated").target("hold", id).facts(facts(&row));
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// Notes that somebody looked whether a hold is still needed, and that it is.
pub async fn reviewed(tx: &TenantTx, ctx: &Ctx, id: HoldId) -> Result<hold::Model> {
    let current = find(tx, id).await?;
    standing(&current, ctx)?;
    let row = tx
        .update(hold::ActiveModel {
            id: Set(id),
            next_review_at: Set(input::next_review(&current.review_every, ctx.now())?),
            updated_at: Set(ctx.now()),
            version: Set(current.version + 1),
            ..Default::default()
        })
        .await?;
    let facts = json!({ "next_review_at": row.next_review_at });
    audit::record(
        tx,
        ctx,
        Event::new("hold.reviewed").target("hold", id).facts(facts),
    )
    .await?;
    Ok(row)
}

/// Lifts a hold, in a transaction that [`begin`] began. `confirm` is its name, typed again. From the commit on nothing can be read through it; [`release`]
/// destroys what it kept.
pub async fn lift(
    tx: &TenantTx,
    ctx: &Ctx,
    id: HoldId,
    expected: Option<i32>,
    confirm: &str,
    why: Option<String>,
) -> Result<hold::Model> {
    let current = find(tx, id).await?;
    expect_version(current.version, expected)?;
    standing(&current, ctx)?;
    let mut faults = Faults::default();
    faults.check(
        confirm == current.name,
        "/confirm",
        "not_confirmed",
        "type the name of the hold to lift it: what it keeps is destroyed",
    );
    crate::fields::text(&mut faults, "/why", why.as_deref());
    faults.finish()?;
    end(tx, ctx, &current, HoldState::Lifted, why).await
}

async fn end(
    tx: &TenantTx,
    ctx: &Ctx,
    current: &hold::Model,
    state: HoldState,
    why: Option<String>,
) -> Result<hold::Model> {
    let kind = match state {
        HoldState::Ended => "hold.ended",
        _ => "hold.lifted",
    };
    let kept = count(tx, current.id).await?;
    let mut facts = facts(current);
    facts["kept"] = json!(kept);
    let event = Event::new(kind).target("hold", current.id).facts(facts);
    let index = audit::record(tx, ctx, event).await?;
    let row = tx
        .update(hold::ActiveModel {
            id: Set(current.id),
            state: Set(state),
            lifted_at: Set(Some(ctx.now())),
            lifted_by: Set(Some(tx.actor().to_string())),
            lifted_why: Set(why),
            lifted_index: Set(Some(index)),
            updated_at: Set(ctx.now()),
            version: Set(current.version + 1),
            ..Default::default()
        })
        .await?;
    Ok(row)
}

/// What a hold names must exist.
async fn check_scope(tx: &TenantTx, row: &hold::Model) -> Result<()> {
    let mut faults = Faults::default();
    references::check::<endpoint::Entity, _>(tx, &mut faults, row.endpoint_id, "/endpoint_id", "endpoint")
        .await?;
    references::check::<data_type::Entity, _>(
        tx,
        &mut faults,
        row.data_type_id,
        "/data_type_id",
        "data type",
    )
    .await?;
    references::check::<purpose::Entity, _>(tx, &mut faults, row.purpose_id, "/purpose_id", "purpose")
        .await?;
    references::check::<subject::Entity, _>(tx, &mut faults, row.subject_id, "/subject_id", "person").await?;
    faults.finish()
}
