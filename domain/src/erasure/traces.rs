//! What still names a person once their rows are gone: the audit log's readable side, their requests, their codes and
//! sessions on the privacy page.

use entity::{
    audit_event,
    id::{RequestId, SubjectId},
    portal_code, portal_sign_in, request, request_event, request_message, subject,
};
use sea_orm::{ColumnTrait, Condition, PaginatorTrait, QueryFilter, Set, sea_query::Expr};
use vault::chance;

use crate::{
    Result,
    ctx::Ctx,
    portal,
    requests::{self, Changes, OPEN},
    tenancy::TenantTx,
};

/// Removes them. Answers a random value under which the person's requests, and the session they may be looking on
/// with, still belong together until that session ends.
pub(super) async fn remove(
    tx: &TenantTx,
    ctx: &Ctx,
    erasure: &request::Model,
    subject: Option<SubjectId>,
) -> Result<Vec<u8>> {
    if let Some(subject) = subject {
        unlink_events(tx, subject).await?;
    }
    // An address may lead to more than one person: then what hangs on the address alone stays for the others.
    let is_last = match &erasure.email_index {
        Some(index) => {
            tx.find::<subject::Entity>()
                .filter(subject::Column::EmailIndex.eq(index.clone()))
                .count(tx.conn())
                .await?
                == 0
        }
        None => true,
    };
    let index = erasure.email_index.clone().filter(|_| is_last);
    let pseudonym = match &erasure.email_index {
        Some(index) if !is_last => index.clone(),
        _ => chance::bytes::<32>(&*ctx.chance).to_vec(),
    };
    unlink_requests(tx, ctx, erasure, subject, index.as_deref(), &pseudonym).await?;
    if let Some(index) = index {
        tx.delete_many::<portal_code::Entity>()
            .filter(portal_code::Column::EmailIndex.eq(index.clone()))
            .exec(tx.conn())
            .await?;
        unlink_sessions(tx, ctx, index, &pseudonym).await?;
    }
    Ok(pseudonym)
}

/// The log's leaves hold commitments only; without the salts they say nothing about anybody.
async fn unlink_events(tx: &TenantTx, subject: SubjectId) -> Result<()> {
    use audit_event::Column;
    tx.update_many::<audit_event::Entity>()
        .col_expr(Column::SubjectId, Expr::value(None::<SubjectId>))
        .col_expr(Column::Salt, Expr::value(None::<Vec<u8>>))
        .filter(Column::SubjectId.eq(subject))
        .exec(tx.conn())
        .await?;
    tx.update_many::<audit_event::Entity>()
        .col_expr(Column::TargetId, Expr::value(None::<String>))
        .filter(Column::TargetKind.eq("subject"))
        .filter(Column::TargetId.eq(subject.to_string()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Other requests of the person end, and keep nothing but what they were and how they ended.
async fn unlink_requests(
    tx: &TenantTx,
    ctx: &Ctx,
    erasure: &request::Model,
    subject: Option<SubjectId>,
    email_index: Option<&[u8]>,
    pseudonym: &[u8],
) -> Result<()> {
    use request::Column;
    let mut theirs = Condition::any().add(Column::Id.eq(erasure.id));
    if let Some(subject) = subject {
        theirs = theirs.add(Column::SubjectId.eq(subject));
    }
    if let Some(index) = email_index {
        theirs = theirs.add(
            Condition::all()
                .add(Column::EmailIndex.eq(index))
                .add(Column::SubjectId.is_null()),
        );
    }
    let theirs = tx.find::<request::Entity>().filter(theirs).all(tx.conn()).await?;
    for other in theirs.iter().filter(|other| other.id != erasure.id) {
        if OPEN.contains(&other.state) {
            let changes = Changes {
                note: Some("the person was erased".to_owned()),
                completed_at: Some(ctx.now()),
                ..Changes::default()
            };
            requests::step(tx, ctx, other, request::RequestState::Withdrawn, changes).await?;
        }
    }
    let ids: Vec<RequestId> = theirs.iter().map(|request| request.id).collect();
    let others = ids.iter().copied().filter(|id| *id != erasure.id);
    tx.update_many::<request::Entity>()
        .set(request::ActiveModel {
            subject_id: Set(None),
            email_index: Set(Some(pseudonym.to_vec())),
            email_sealed: Set(None),
            export_id: Set(None),
            // Words that the tenant wrote to this person, and theirs.
            refusal_text: Set(None),
            details_sealed: Set(None),
            ..Default::default()
        })
        .filter(Column::Id.is_in(others))
        .exec(tx.conn())
        .await?;
    tx.update_many::<request::Entity>()
        .col_expr(Column::DetailsSealed, Expr::value(None::<Vec<u8>>))
        .filter(Column::Id.eq(erasure.id))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<request_message::Entity>()
        .filter(request_message::Column::RequestId.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await?;
    // So are the words in which a clock was stopped or put off.
    tx.update_many::<request_event::Entity>()
        .col_expr(request_event::Column::Note, Expr::value(None::<String>))
        .col_expr(request_event::Column::Words, Expr::value(None::<String>))
        .filter(request_event::Column::RequestId.is_in(ids.iter().copied()))
        .filter(request_event::Column::Actor.is_not_in(["system", "subject"]))
        .exec(tx.conn())
        .await?;
    // So is the note that a request came in with; those of later steps are ours.
    tx.update_many::<request_event::Entity>()
        .col_expr(request_event::Column::Note, Expr::value(None::<String>))
        .filter(request_event::Column::RequestId.is_in(ids))
        .filter(request_event::Column::FromState.is_null())
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Whoever is signed in sees how it ended, and nothing else, until the session ends.
async fn unlink_sessions(tx: &TenantTx, ctx: &Ctx, index: Vec<u8>, pseudonym: &[u8]) -> Result<()> {
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let sessions = tx
        .find::<portal_sign_in::Entity>()
        .filter(portal_sign_in::Column::EmailIndex.eq(index))
        .all(tx.conn())
        .await?;
    for session in sessions {
        let context = portal::address_context(session.id);
        tx.update(portal_sign_in::ActiveModel {
            id: Set(session.id),
            email_index: Set(pseudonym.to_vec()),
            email_sealed: Set(keys.tenant.seal_value(&context, b"", &*ctx.chance)),
            ..Default::default()
        })
        .await?;
    }
    Ok(())
}
