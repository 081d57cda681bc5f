//! Erasing a person: what is done, and in which order. The worker runs it; every step can be run again.
//!
//! 1. [`hide`]: nothing of the person passes any more, nobody finds them, no socket can open.
//! 2. The caller closes their sockets.
//! 3. [`carry_out`]: keys are destroyed, so that nothing sealed for them opens, here or in any copy; then rows go, a
//!    range at a time; then, in one transaction, the person's row, the salts that tie the log to them, the leaf that
//!    says so, the request's end and the mail that confirms it.
//!
//! A crash between any two of these is mended by running it again: the request stays in progress until the last step.

mod rows;
mod traces;

use std::sync::Arc;

use entity::{
    callback::Act,
    id::SubjectId,
    request::{self, RequestKind, RequestState},
    subject,
};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use serde_json::json;
use vault::chance;

use crate::{
    Error, Result,
    audit::{self, Event},
    callbacks,
    ctx::Ctx,
    holds,
    requests::{self, Changes, Outcome, refusals},
    standings::Standing,
    subjects,
    tenancy::{TenantScope, TenantTx},
};

/// Why what a hold covers is not erased yet.
const HELD: &str = "legal_claims";

/// An erasure under way.
pub struct Erasing {
    /// The request.
    pub request: request::Model,
    /// The person; none when there is nobody (any more).
    pub subject: Option<SubjectId>,
    /// Held until the end, so that whoever asks meanwhile hears that the person is gone.
    _standing: Option<Arc<Standing>>,
}

/// Takes the person out of sight. From here on nothing of them is admitted, delivered or found.
pub async fn hide(ctx: &Ctx, scope: &TenantScope, request: request::Model) -> Result<Erasing> {
    if request.kind != RequestKind::Erasure || request.state != RequestState::InProgress {
        return Err(Error::conflict(
            "wrong_state",
            "only an erasure in progress can be carried out",
        ));
    }
    let Some(subject) = request.subject_id else {
        return Ok(Erasing {
            request,
            subject: None,
            _standing: None,
        });
    };
    let standing = ctx.standings.load(&ctx.store, scope, subject).await?;
    let tx = ctx.store.begin(scope).await?;
    let Some(person) = tx
        .find_by_id::<subject::Entity, _>(subject)
        .one(tx.conn())
        .await?
    else {
        // A run before this one came as far as the person's row, which goes together with the request's end: so it was
        // another request that erased them.
        return Ok(Erasing {
            request,
            subject: None,
            _standing: Some(standing),
        });
    };
    // Recipients are told now: later there is no name to tell them.
    callbacks::tell_of_request(&tx, ctx, Act::Erasure, request.id, &person, &json!({})).await?;
    // The same external id may come back as a new person, who has nothing of this one.
    tx.update_many::<subject::Entity>()
        .set(subject::ActiveModel {
            external_index: Set(chance::bytes::<32>(&*ctx.chance).to_vec()),
            email_index: Set(None),
            restricted_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .filter(subject::Column::Id.eq(subject))
        .exec(tx.conn())
        .await?;
    subjects::erased_after(&tx, ctx, &person);
    tx.save().await?;
    Ok(Erasing {
        request,
        subject: Some(subject),
        _standing: Some(standing),
    })
}

/// Whom [`hide`] has hidden for erasures that were asked for at this address. They have no address any more by which they would
/// be found; what they asked for is theirs to follow to its end all the same.
pub(crate) async fn hidden(tx: &TenantTx, email_index: &[u8]) -> Result<Vec<SubjectId>> {
    let erasures = tx
        .find::<request::Entity>()
        .filter(request::Column::EmailIndex.eq(email_index))
        .filter(request::Column::Kind.eq(RequestKind::Erasure))
        .filter(request::Column::State.eq(RequestState::InProgress))
        .all(tx.conn())
        .await?;
    let named: Vec<SubjectId> = erasures
        .into_iter()
        .filter_map(|request| request.subject_id)
        .collect();
    if named.is_empty() {
        return Ok(named);
    }
    // Whose address the tenant took away has none that is sealed either, and whoever reads its mail now is somebody else.
    let hidden = tx
        .find::<subject::Entity>()
        .filter(subject::Column::Id.is_in(named))
        .filter(subject::Column::EmailIndex.is_null())
        .filter(subject::Column::EmailSealed.is_not_null())
        .all(tx.conn())
        .await?;
    Ok(hidden.into_iter().map(|person| person.id).collect())
}

/// Erases. Answers the completed request.
pub async fn carry_out(ctx: &Ctx, scope: &TenantScope, erasing: &Erasing) -> Result<request::Model> {
    if let Some(subject) = erasing.subject {
        let keys = {
            let watch = holds::watch(ctx, scope).await?;
            preserve(ctx, scope, &watch, erasing, subject).await?;
            ctx.keys.destroy_subject(scope.tenant(), subject).await?
        };
        rows::remember(ctx, scope, &erasing.request, |outcome| outcome.keys += keys).await?;
        rows::remove_messages(ctx, scope, &erasing.request, subject).await?;
    }
    let request = finish(ctx, scope, erasing).await?;
    if let Some(subject) = erasing.subject {
        // What was on its way into the journal when the person was hidden has arrived by now.
        let watch = holds::watch(ctx, scope).await?;
        holds::preserve_subject(ctx, scope, &watch, subject, None).await?;
        rows::sweep_late_messages(ctx, scope, subject).await?;
        ctx.keys.destroy_subject(scope.tenant(), subject).await?;
        ctx.store.forget_log().await?;
    }
    Ok(request)
}

/// What a hold covers is not the person's to take away (GDPR Art. 17(3)(e)): it waits for the end of the hold.
async fn preserve(
    ctx: &Ctx,
    scope: &TenantScope,
    watch: &holds::Watch,
    erasing: &Erasing,
    subject: SubjectId,
) -> Result<()> {
    let preserved = holds::preserve_subject(ctx, scope, watch, subject, None).await?;
    if preserved.messages == 0 {
        return Ok(());
    }
    // A run that goes on after a crash finds less: what is there already was counted then.
    rows::remember(ctx, scope, &erasing.request, |outcome| {
        outcome.held = outcome.held.max(preserved.messages);
    })
    .await
}

/// The last transaction: afterwards there is nobody.
async fn finish(ctx: &Ctx, scope: &TenantScope, erasing: &Erasing) -> Result<request::Model> {
    let tx = ctx.store.begin(scope).await?;
    let request = requests::read(&tx, erasing.request.id).await?;
    let mut outcome = Outcome::of(&request)?.unwrap_or_default();
    if let Some(subject) = erasing.subject {
        rows::remove_the_rest(&tx, subject, &mut outcome).await?;
    }
    let kept = (outcome.held > 0)
        .then(|| refusals::refusal(HELD, RequestKind::Erasure))
        .flatten();
    let mut facts = json!({
        "messages": outcome.messages,
        "connections": outcome.connections,
        "consents": outcome.consents,
        "keys": outcome.keys,
    });
    if let Some(reason) = kept {
        facts["held"] = json!(outcome.held);
        facts["refused_in_part"] = json!({ "code": reason.code, "dpv": reason.dpv });
    }
    let mut event = Event::new("subject.erased")
        .target("request", request.id)
        .facts(facts);
    if let Some(subject) = erasing.subject {
        event = event.subject(subject);
    }
    let index = audit::record(&tx, ctx, event).await?;
    let opening = opening(&tx, index, erasing.subject).await?;
    let profile = requests::profile(&request);
    let more = json!({
        "outcome": outcome,
        "attach_receipt": index,
        "opening": opening,
        "code": kept.map(|reason| reason.code),
        "because": kept.map(|reason| reason.because),
        "provision": kept.map(|reason| reason.provision),
        "complaint": profile.complaint,
        "remedy": profile.remedy,
    });
    requests::notify(&tx, ctx, &request, "request_completed_erasure", more).await?;
    let pseudonym = traces::remove(&tx, ctx, &request, erasing.subject).await?;
    let changes = Changes {
        completed_at: Some(ctx.now()),
        result: Some(serde_json::to_value(outcome)?),
        audit_index: Some(index),
        refusal: kept.map(|reason| (reason.code.to_owned(), None)),
        forget_subject: true,
        pseudonym: Some(pseudonym),
        ..Changes::default()
    };
    let request = requests::step(&tx, ctx, &request, RequestState::Completed, changes).await?;
    tx.save().await?;
    Ok(request)
}

/// What opens the leaf's commitment, for the person alone: it goes into the mail, and is forgotten here.
async fn opening(tx: &TenantTx, index: i64, subject: Option<SubjectId>) -> Result<serde_json::Value> {
    use entity::audit_event;
    let event = tx
        .find::<audit_event::Entity>()
        .filter(audit_event::Column::Index.eq(index))
        .one(tx.conn())
        .await?;
    let salt = event.and_then(|event| event.salt);
    Ok(match (subject, salt) {
        (Some(subject), Some(salt)) => json!({ "subject": subject, "salt": hex::encode(salt) }),
        _ => serde_json::Value::Null,
    })
}
