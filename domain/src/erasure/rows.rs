//! The rows that are about a person.

use entity::{
    connection, consent_event, consent_state, correction, export, export_part,
    id::{ExportId, SubjectId},
    incident_subject, objection, request, subject,
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect, Set, sea_query::Expr};

use crate::{
    Result,
    ctx::Ctx,
    messages,
    requests::{self, Outcome},
    tenancy::{TenantScope, TenantTx},
    webhooks,
};

/// Rows per transaction: few enough that others write in between.
const BATCH: u64 = 2_000;

/// Adds to what the request says was done, so that a run that goes on after a crash counts all.
pub(super) async fn remember(
    ctx: &Ctx,
    scope: &TenantScope,
    request: &request::Model,
    add: impl FnOnce(&mut Outcome),
) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    remember_in(&tx, request, add).await?;
    tx.save().await?;
    Ok(())
}

async fn remember_in(tx: &TenantTx, request: &request::Model, add: impl FnOnce(&mut Outcome)) -> Result<()> {
    let mut outcome = Outcome::of(&requests::read(tx, request.id).await?)?.unwrap_or_default();
    add(&mut outcome);
    tx.update_many::<request::Entity>()
        .set(request::ActiveModel {
            result: Set(Some(serde_json::to_value(outcome)?)),
            ..Default::default()
        })
        .filter(request::Column::Id.eq(request.id))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Removes the person's messages, oldest first, a range at a time.
pub(super) async fn remove_messages(
    ctx: &Ctx,
    scope: &TenantScope,
    request: &request::Model,
    subject: SubjectId,
) -> Result<()> {
    loop {
        let tx = ctx.store.begin(scope).await?;
        let removed = messages::erase_subject(&tx, subject, BATCH).await?;
        if removed == 0 {
            return Ok(());
        }
        remember_in(&tx, request, |outcome| outcome.messages += removed).await?;
        tx.save().await?;
        tokio::task::yield_now().await;
    }
}

/// Removes messages that came after the person's row was gone. They were counted by nobody and are read by nobody.
pub(super) async fn sweep_late_messages(ctx: &Ctx, scope: &TenantScope, subject: SubjectId) -> Result<()> {
    loop {
        let tx = ctx.store.begin(scope).await?;
        if messages::erase_subject(&tx, subject, BATCH).await? == 0 {
            return Ok(());
        }
        tx.save().await?;
    }
}

/// Removes everything else, and the person's row. Few rows, so it fits one transaction.
pub(super) async fn remove_the_rest(tx: &TenantTx, subject: SubjectId, outcome: &mut Outcome) -> Result<()> {
    loop {
        let late = messages::erase_subject(tx, subject, BATCH).await?;
        outcome.messages += late;
        if late == 0 {
            break;
        }
    }
    outcome.consents += tx
        .delete_many::<consent_event::Entity>()
        .filter(consent_event::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?
        .rows_affected;
    tx.delete_many::<incident_subject::Entity>()
        .filter(incident_subject::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<consent_state::Entity>()
        .filter(consent_state::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    webhooks::erase_subject(tx, subject).await?;
    tx.delete_many::<objection::Entity>()
        .filter(objection::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    outcome.corrections += tx
        .delete_many::<correction::Entity>()
        .filter(correction::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?
        .rows_affected;
    // The record that somebody was connected stays as long as its rule says, without saying who.
    outcome.connections += tx
        .update_many::<connection::Entity>()
        .col_expr(connection::Column::SubjectId, Expr::value(None::<SubjectId>))
        .col_expr(connection::Column::Address, Expr::value(None::<String>))
        .filter(connection::Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?
        .rows_affected;
    // Those that were being made when their request ended have parts and no row.
    let made = tx
        .find::<export::Entity>()
        .select_only()
        .column(export::Column::Id)
        .filter(export::Column::SubjectId.eq(subject))
        .into_tuple::<ExportId>()
        .all(tx.conn())
        .await?;
    let begun = tx
        .find::<request::Entity>()
        .select_only()
        .column(request::Column::ExportId)
        .filter(request::Column::SubjectId.eq(subject))
        .filter(request::Column::ExportId.is_not_null())
        .into_tuple::<ExportId>()
        .all(tx.conn())
        .await?;
    let exports: Vec<ExportId> = made.into_iter().chain(begun).collect();
    tx.delete_many::<export_part::Entity>()
        .filter(export_part::Column::ExportId.is_in(exports.clone()))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<export::Entity>()
        .filter(export::Column::Id.is_in(exports))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<subject::Entity>()
        .filter(subject::Column::Id.eq(subject))
        .exec(tx.conn())
        .await?;
    Ok(())
}
