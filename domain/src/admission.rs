//! What may pass. Answers from memory alone, in about a microsecond, and fails closed: who is not known here does not pass.

mod reach;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::{
    endpoint::{Opaque, RecordMode},
    id::{DataTypeId, EndpointId, PurposeId, SubjectId},
};
use serde_json::Value;

pub use reach::{Counting, Reach, counting, is_readable, reach};

use crate::{
    ctx::Ctx,
    minimise,
    pictures::{Endpoint, Picture},
    standings::Standing,
};

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// An end-user's session, or what the tenant's back end sends on one.
    Session,
    /// The tenant, over REST.
    Tenant,
}

/// A message that wants to pass.
#[derive(Clone, Debug)]
pub struct Passing<'a> {
    /// The endpoint it passes.
    pub endpoint: EndpointId,
    /// Who sends it.
    pub sender: Sender,
    /// Whom it is about. Their standing must be held by the caller ([`crate::standings::Standings::load`]).
    pub subject: Option<SubjectId>,
    /// Another purpose than the endpoint's.
    pub purpose: Option<PurposeId>,
    /// The channel.
    pub channel: &'a str,
    /// Bytes that are no text are not looked into.
    pub binary: bool,
    /// What it says.
    pub payload: Bytes,
}

/// A message that may pass.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// What it says, minimised: what is recorded and delivered.
    pub payload: Bytes,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// The handle of its retention class, for the journal; 0 when nothing is kept of it.
    pub class: i64,
    /// When it is recorded.
    pub record: RecordMode,
    /// Whether anything of it is kept. Where not, and it is recorded all the same, it is only counted.
    pub kept: bool,
    /// When it was admitted.
    pub at: DateTime<Utc>,
    /// From when on it is unreadable, where a rule says so.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a message may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such endpoint (any more).
    #[error("no such endpoint")]
    NoEndpoint,
    /// The endpoint is switched off.
    #[error("the endpoint is disabled")]
    Disabled,
    /// Larger, or nested deeper, than the endpoint takes.
    #[error("the message is too large")]
    TooLarge,
    /// The purpose waits for a consent that is not there.
    #[error("consent is missing")]
    ConsentMissing,
    /// It holds data of a special category, and its purpose has no basis for that (GDPR Art. 9).
    #[error("a special category of data, and no basis for it")]
    NoSpecialBasis,
    /// The person restricted the processing (GDPR Art. 18).
    #[error("processing is restricted")]
    Restricted,
    /// The person objected to the purpose (GDPR Art. 21).
    #[error("the person objected to the purpose")]
    Objected,
    /// The person was erased, or nobody holds their standing.
    #[error("the person is gone")]
    Gone,
    /// The tenant's messages of today are used up.
    #[error("a quota is used up")]
    OverQuota,
    /// It is no JSON, and the endpoint takes only what the catalogue can look into.
    #[error("the endpoint takes JSON only")]
    Opaque,
}

/// Decides about a message, classifies and minimises it.
///
/// # Errors
/// [`Denied`] when it may not pass; then nothing of it was counted.
pub fn admit(ctx: &Ctx, message: Passing<'_>) -> Result<Admitted, Denied> {
    let picture = ctx.pictures.get(message.endpoint).ok_or(Denied::NoEndpoint)?;
    let endpoint = picture.endpoint(message.endpoint).ok_or(Denied::NoEndpoint)?;
    let purpose = message.purpose.or(endpoint.row.purpose_id);
    check_endpoint(endpoint)?;
    if i32::try_from(message.payload.len()).map_or(true, |size| size > endpoint.row.max_message_bytes) {
        return Err(Denied::TooLarge);
    }
    match message.subject {
        Some(subject) => {
            let standing = ctx.standings.get(subject).ok_or(Denied::Gone)?;
            check_standing(ctx, &picture, Some(&standing), purpose)?;
        }
        // What the tenant says of nobody in particular is its own affair.
        None if message.sender == Sender::Tenant => {}
        None => check_standing(ctx, &picture, None, purpose)?,
    }
    if picture.counters.messages_used_up(&picture.quotas) {
        return Err(Denied::OverQuota);
    }
    let opaque = endpoint.row.opaque;
    let Classified {
        payload,
        found: data_types,
        is_opaque,
    } = classify(
        &picture,
        message.payload,
        message.binary,
        opaque != Opaque::Record,
    )?;
    if is_opaque && opaque == Opaque::Refuse {
        return Err(Denied::Opaque);
    }
    check_special(&picture, purpose, &data_types)?;
    picture.counters.message(payload.len());
    let class = match endpoint.row.record {
        RecordMode::Never => None,
        _ if is_opaque && opaque == Opaque::Pass => None,
        RecordMode::Before | RecordMode::After => {
            picture.class_for(endpoint, purpose, data_types, message.channel, &ctx.ids)
        }
    };
    let at = ctx.now();
    let kept = class
        .as_ref()
        .and_then(|class| picture.kept(&class.key, message.channel));
    Ok(Admitted {
        payload,
        purpose,
        record: match reach::counting_of(&picture, endpoint) {
            // Of some messages nothing is kept, but readers have to see that they were there.
            Counting::Journal => RecordMode::Before,
            Counting::Nowhere if class.is_some() => RecordMode::After,
            Counting::Memory | Counting::Nowhere => RecordMode::Never,
        },
        class: class.as_ref().map_or(0, |class| class.handle),
        kept: class.is_some(),
        at,
        expires_at: kept.map(|kept| kept.until(at)),
    })
}

/// Whether a person may be connected to an endpoint now.
///
/// # Errors
/// [`Denied`] when they may not.
pub fn may_stay(ctx: &Ctx, endpoint: EndpointId, subject: Option<SubjectId>) -> Result<(), Denied> {
    let picture = ctx.pictures.get(endpoint).ok_or(Denied::NoEndpoint)?;
    let endpoint = picture.endpoint(endpoint).ok_or(Denied::NoEndpoint)?;
    check_endpoint(endpoint)?;
    let purpose = endpoint.row.purpose_id;
    match subject {
        None => check_standing(ctx, &picture, None, purpose),
        Some(subject) => {
            let standing = ctx.standings.get(subject).ok_or(Denied::Gone)?;
            check_standing(ctx, &picture, Some(&standing), purpose)
        }
    }
}

fn check_endpoint(endpoint: &Endpoint) -> Result<(), Denied> {
    if endpoint.is_open() {
        Ok(())
    } else {
        Err(Denied::Disabled)
    }
}

/// The truth table: a person's standing against a purpose. A purpose that is unknown waits for consent.
fn check_standing(
    ctx: &Ctx,
    picture: &Picture,
    standing: Option<&Standing>,
    purpose: Option<PurposeId>,
) -> Result<(), Denied> {
    if let Some(standing) = standing {
        if standing.is_gone() {
            return Err(Denied::Gone);
        }
        if standing.is_restricted() {
            return Err(Denied::Restricted);
        }
    }
    let Some(purpose) = purpose else {
        return Ok(());
    };
    if standing.is_some_and(|standing| standing.objects_to(purpose)) {
        return Err(Denied::Objected);
    }
    if reach::waits(picture, purpose)
        && !standing.is_some_and(|standing| standing.consents_to(purpose, ctx.now()))
    {
        return Err(Denied::ConsentMissing);
    }
    // Nobody is asked first, but a no is a no.
    if reach::gives_way(picture, purpose) && standing.is_some_and(|standing| standing.refuses(purpose)) {
        return Err(Denied::ConsentMissing);
    }
    Ok(())
}

/// Special categories are forbidden unless one of the exceptions holds, and the purpose must say which.
fn check_special(picture: &Picture, purpose: Option<PurposeId>, found: &[DataTypeId]) -> Result<(), Denied> {
    let special = picture
        .data_types
        .iter()
        .any(|data_type| data_type.special && found.contains(&data_type.id));
    let basis = || {
        purpose
            .and_then(|id| picture.purpose(id))
            .and_then(|purpose| purpose.special_basis)
    };
    if special && basis().is_none() {
        return Err(Denied::NoSpecialBasis);
    }
    Ok(())
}

/// A message that was looked into.
struct Classified {
    payload: Bytes,
    found: Vec<DataTypeId>,
    /// It could not be: it is no JSON.
    is_opaque: bool,
}

/// Finds the catalogue's data types in a text that is JSON, and minimises them. What nothing was changed in stays as it
/// came, byte for byte. Whether it is JSON at all is only looked at where there is something to find, or `asked`.
fn classify(picture: &Picture, payload: Bytes, binary: bool, asked: bool) -> Result<Classified, Denied> {
    let unchanged = |payload, found, is_opaque| {
        Ok(Classified {
            payload,
            found,
            is_opaque,
        })
    };
    if binary || picture.data_types.is_empty() && !asked {
        return unchanged(payload, Vec::new(), binary);
    }
    let mut value: Value = match serde_json::from_slice(&payload) {
        Ok(value) => value,
        // Nesting deeper than anybody looks would be a way around the catalogue.
        Err(error) if error.to_string().starts_with("recursion limit exceeded") => {
            return Err(Denied::TooLarge);
        }
        Err(_) => return unchanged(payload, Vec::new(), true),
    };
    let found = minimise::classify_and_minimise(&picture.data_types, &mut value);
    if found.is_empty() || serde_json::from_slice::<Value>(&payload).is_ok_and(|before| before == value) {
        return unchanged(payload, found, false);
    }
    unchanged(Bytes::from(value.to_string()), found, false)
}
