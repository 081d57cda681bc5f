//! Global Privacy Control: a browser that says `Sec-GPC: 1` says no to being sold, shared and followed around.
//!
//! The signal counts for purposes that are declared to give way to it (`honours_gpc`). It is written down as a refusal, or
//! as the withdrawal of a consent that held, with the method `gpc`. Whoever consents to a purpose afterwards, knowing that
//! their browser says no, has said something more specific, and that stands (11 CCR §7025(c)).

use entity::{
    consent_event::{self, ConsentState},
    id::{PurposeId, SubjectId},
};
use sea_orm::{ColumnTrait, QueryFilter};

use crate::{
    consents::{self, NewConsent, Recorded, WhichPurpose, WhichSubject},
    ctx::Ctx,
    error::Result,
    pictures::{self, Picture},
    tenancy::{TenantScope, TenantTx},
};

/// How it is written down.
pub const METHOD: &str = "gpc";

/// Whether these values of `Sec-GPC` say no: any that is exactly `1` does, nothing else does (GPC specification §3.2).
pub fn is_asserted<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> bool {
    values.into_iter().any(|value| value == b"1")
}

/// The purposes that give way to the signal.
pub fn purposes(picture: &Picture) -> Vec<PurposeId> {
    picture
        .purposes()
        .filter(|purpose| purpose.honours_gpc)
        .map(|purpose| purpose.id)
        .collect()
}

/// Whether a signal of this person would change anything, as far as memory knows: asked at every handshake.
pub async fn concerns(ctx: &Ctx, scope: &TenantScope, subject: SubjectId) -> Result<bool> {
    let picture = pictures::load(ctx, scope).await?;
    let purposes = purposes(&picture);
    let standing = ctx.standings.get(subject);
    Ok(purposes.iter().any(|purpose| {
        standing
            .as_ref()
            .is_none_or(|standing| !standing.refuses(*purpose))
    }))
}

/// Writes the signal of a person down. Answers what changed.
pub async fn signal(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    place: Option<String>,
) -> Result<Vec<Recorded>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut recorded = Vec::new();
    for purpose in purposes(&picture) {
        let Some(state) = answer(tx, ctx, subject, purpose).await? else {
            continue;
        };
        let consent = NewConsent {
            place: place.clone(),
            ..NewConsent::new(
                WhichSubject::Id(subject),
                WhichPurpose::Id(purpose),
                state,
                METHOD,
            )
        };
        recorded.push(consents::record(tx, ctx, consent).await?);
    }
    Ok(recorded)
}

/// What the signal says to a purpose; none where everything is said.
async fn answer(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    purpose: PurposeId,
) -> Result<Option<ConsentState>> {
    use consent_event::Column;
    let events = tx
        .find::<consent_event::Entity>()
        .filter(Column::SubjectId.eq(subject))
        .filter(Column::PurposeId.eq(purpose))
        .all(tx.conn())
        .await?;
    let Some(last) = events.iter().max_by_key(|event| (event.at, event.id)) else {
        return Ok(Some(ConsentState::Refused));
    };
    if crate::standings::is_objection(last.state) {
        return Ok(None);
    }
    if !consents::valid(tx, ctx, subject, purpose).await? {
        return Ok(Some(ConsentState::Refused));
    }
    let overridden = events
        .iter()
        .any(|event| event.method == METHOD && event.at <= last.at);
    Ok((!overridden).then_some(ConsentState::Withdrawn))
}

#[cfg(test)]
mod tests {
    use super::is_asserted;

    #[test]
    fn only_a_one_is_a_no() {
        for (values, said) in [
            (&["1"][..], true),
            (&[], false),
            (&["0"], false),
            (&["1 "], false),
            (&["true"], false),
            (&["1,1"], false),
            (&["0", "1"], true),
            (&["", "yes"], false),
        ] {
            assert_eq!(
                is_asserted(values.iter().map(|value| value.as_bytes())),
                said,
                "{values:?}"
            );
        }
    }
}
