//! Carrying out what changes how a person is treated: rectification, restriction, objection. First the change acts, in the
//! store and in memory; then the caller tells and closes sockets; then the request is completed. Every step can be run
//! again: a request stays in progress until the last.

use entity::{
    callback::{self, Act},
    correction,
    id::{PurposeId, SubjectId},
    objection,
    request::{self, RequestKind, RequestState},
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder, Set, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Changes, Outcome, clock,
    details::{Correction, Details, EMAIL},
    notify, read, step,
};
use crate::{
    Error, Result,
    audit::{self, Event},
    callbacks,
    ctx::Ctx,
    keys::SubjectKeyName,
    subjects::{self, SubjectPatch},
    tenancy::{TenantScope, TenantTx},
};

/// What acts by now.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The request.
    pub request: request::Model,
    /// Whose it is; none when there is nobody.
    pub subject: Option<SubjectId>,
    /// What is not pursued any more.
    pub purposes: Vec<PurposeId>,
    /// What was corrected, by name.
    pub fields: Vec<String>,
}

/// A correction, as it is sealed with the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// What it was, where that is known.
    pub was: Option<String>,
    /// What it is.
    pub is: String,
}

/// Makes a request in progress act. Can be run again.
pub async fn apply(ctx: &Ctx, scope: &TenantScope, request: request::Model) -> Result<Applied> {
    let tx = ctx.store.begin(scope).await?;
    let details = Details::open(&tx, ctx, &request).await?;
    let mut applied = Applied {
        subject: request.subject_id,
        purposes: Vec::new(),
        fields: Vec::new(),
        request,
    };
    let Some(subject) = applied.subject else {
        return Ok(applied);
    };
    match applied.request.kind {
        RequestKind::Rectification => {
            applied.fields = correct(&tx, ctx, &applied.request, subject, &details).await?;
            let person = subjects::read(&tx, subject).await?;
            let said = json!({ "corrections": details.corrections, "statement": details.text });
            let id = applied.request.id;
            callbacks::tell_of_request(&tx, ctx, Act::Rectification, id, &person, &said).await?;
        }
        RequestKind::Restriction => {
            let person = subjects::restrict(&tx, ctx, subject).await?;
            let (id, said) = (applied.request.id, json!({ "ground": details.ground }));
            callbacks::tell_of_request(&tx, ctx, Act::Restriction, id, &person, &said).await?;
        }
        RequestKind::Objection => {
            object(&tx, ctx, &applied.request, subject, &details.purposes).await?;
            applied.purposes = details.purposes;
        }
        RequestKind::Access | RequestKind::Portability | RequestKind::Erasure => {
            return Err(Error::conflict("wrong_state", "this is carried out elsewhere"));
        }
    }
    tx.save().await?;
    Ok(applied)
}

/// Completes a request that acts: receipt, letter.
pub async fn complete(ctx: &Ctx, scope: &TenantScope, applied: &Applied) -> Result<request::Model> {
    let tx = ctx.store.begin(scope).await?;
    let request = read(&tx, applied.request.id).await?;
    let outcome = Outcome {
        corrections: applied.fields.len() as u64,
        purposes: applied.purposes.len() as u64,
        ..Outcome::default()
    };
    let mut event = Event::new("request.completed")
        .target("request", request.id)
        .facts(json!({
            "kind": request.kind,
            "corrected": applied.fields,
            "purposes": applied.purposes,
            "late": request.due_at < ctx.now(),
        }));
    if let Some(subject) = applied.subject {
        event = event.subject(subject);
    }
    let index = audit::record(&tx, ctx, event).await?;
    let changes = Changes {
        completed_at: Some(ctx.now()),
        result: Some(serde_json::to_value(outcome)?),
        audit_index: Some(index),
        ..Changes::default()
    };
    let request = step(&tx, ctx, &request, RequestState::Completed, changes).await?;
    let law = clock::profile(&request);
    let recipients = tx
        .find::<callback::Entity>()
        .filter(callback::Column::RequestId.eq(request.id))
        .count(tx.conn())
        .await?;
    let values = json!({
        "attach_receipt": index,
        "complaint": law.complaint,
        "remedy": law.remedy,
        "known": applied.subject.is_some(),
        "statement_only": applied.fields == ["statement"],
        "recipients": recipients,
    });
    if applied.request.email_index != request.email_index {
        // Another address was what was asked for: the one before hears of it too, in case it was not the person who asked.
        notify(&tx, ctx, &applied.request, "request_completed", values.clone()).await?;
    }
    notify(&tx, ctx, &request, "request_completed", values).await?;
    tx.save().await?;
    Ok(request)
}

async fn correct(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    subject: SubjectId,
    details: &Details,
) -> Result<Vec<String>> {
    let there = tx
        .find::<correction::Entity>()
        .filter(correction::Column::RequestId.eq(request.id))
        .count(tx.conn())
        .await?;
    let statement = details.text.iter().map(|text| Correction {
        field: "statement".to_owned(),
        value: text.trim().to_owned(),
    });
    let corrections: Vec<_> = details.corrections.iter().cloned().chain(statement).collect();
    let fields = corrections.iter().map(|one| one.field.clone()).collect();
    if there > 0 {
        return Ok(fields);
    }
    let person = subjects::reveal(ctx, subjects::read(tx, subject).await?).await?;
    let before = corrections_of(tx, ctx, subject).await?;
    for Correction { field, value } in corrections {
        let was = if field == EMAIL {
            person.email.clone()
        } else {
            // What was said last about it; what messages say stays in them.
            before
                .iter()
                .rev()
                .find(|(row, _)| row.field == field)
                .map(|(_, corrected)| corrected.is.clone())
        };
        if field == EMAIL {
            let patch = SubjectPatch {
                email: Some(Some(value.clone())),
                ..SubjectPatch::default()
            };
            subjects::update(tx, ctx, subject, None, patch).await?;
        }
        insert(tx, ctx, request, subject, field, &Corrected { was, is: value }).await?;
    }
    Ok(fields)
}

fn context(row: entity::id::CorrectionId) -> String {
    format!("correction/{row}")
}

async fn insert(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    subject: SubjectId,
    field: String,
    corrected: &Corrected,
) -> Result<()> {
    let key = ctx
        .keys
        .subject(SubjectKeyName::for_record(tx.tenant(), subject))
        .await?
        .ok_or(Error::Gone {
            what: "the person's key",
        })?;
    let id = ctx.ids.next();
    let plain = serde_json::to_vec(corrected)?;
    tx.insert(correction::ActiveModel {
        id: Set(id),
        subject_id: Set(subject),
        request_id: Set(request.id),
        at: Set(ctx.now()),
        field: Set(field),
        sealed: Set(key.seal_value(&context(id), &plain, &*ctx.chance)),
        ..Default::default()
    })
    .await?;
    Ok(())
}

/// What a person had corrected, oldest first, with what it was before.
pub async fn corrections_of(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
) -> Result<Vec<(correction::Model, Corrected)>> {
    let rows = tx
        .find::<correction::Entity>()
        .filter(correction::Column::SubjectId.eq(subject))
        .order_by_asc(correction::Column::Id)
        .all(tx.conn())
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let name = SubjectKeyName::for_record(tx.tenant(), subject);
    let Some(key) = ctx.keys.subject(name).await? else {
        return Ok(Vec::new());
    };
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let corrected = serde_json::from_slice(&key.open_value(&context(row.id), &row.sealed)?)?;
        all.push((row, corrected));
    }
    Ok(all)
}

async fn object(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    subject: SubjectId,
    purposes: &[PurposeId],
) -> Result<()> {
    for purpose in purposes {
        let row = objection::ActiveModel {
            subject_id: Set(subject),
            purpose_id: Set(*purpose),
            tenant_id: Set(tx.tenant()),
            request_id: Set(request.id),
            at: Set(ctx.now()),
        };
        // The newest request is the one that can be lifted.
        let clash = OnConflict::columns([objection::Column::SubjectId, objection::Column::PurposeId])
            .update_columns([objection::Column::RequestId, objection::Column::At])
            .to_owned();
        tx.upsert(row, clash).await?;
    }
    let (standings, purposes) = (ctx.standings.clone(), purposes.to_vec());
    ctx.tell_standing_after(tx, subject);
    tx.after_save(move || {
        for purpose in purposes {
            standings.objection_changed(subject, purpose, true);
        }
    });
    Ok(())
}
