//! What the gate is asked about a message on its way out: who may get it, who counts it, whether it may be said again.

use chrono::{DateTime, Utc};
use entity::{
    endpoint::RecordMode,
    id::{EndpointId, PurposeId},
    purpose::LawfulBasis,
};

use crate::{
    ctx::Ctx,
    duration::Kept,
    pictures::{Endpoint, Picture},
    retention::Case,
    standings::Standing,
};

/// Who may get a message, as far as that hangs on the message alone. Each person's own standing is asked besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The endpoint is gone.
    Nobody,
    /// Whoever is there.
    Everybody,
    /// Those who consented to this purpose or, where nobody is asked first, did not say no to it.
    Consenting(PurposeId),
    /// Whoever is there and did not object to this purpose (GDPR Art. 21).
    Unobjected(PurposeId),
    /// Whoever is there and said no neither to this purpose nor to all that can be done without asking (Global Privacy Control).
    Unrefused(PurposeId),
}

/// Who may get a message for this purpose on this endpoint now.
pub fn reach(ctx: &Ctx, endpoint: EndpointId, purpose: Option<PurposeId>) -> Reach {
    let Some(picture) = ctx.pictures.get(endpoint) else {
        return Reach::Nobody;
    };
    match purpose {
        Some(purpose) if waits(&picture, purpose) => Reach::Consenting(purpose),
        Some(purpose) if gives_way(&picture, purpose) => Reach::Unrefused(purpose),
        Some(purpose) if can_be_objected_to(&picture, purpose) => Reach::Unobjected(purpose),
        _ => Reach::Everybody,
    }
}

/// Whether a purpose waits for consent. One that is unknown does.
pub(super) fn waits(picture: &Picture, purpose: PurposeId) -> bool {
    picture
        .purpose(purpose)
        .is_none_or(|purpose| purpose.requires_consent)
}

/// Whether a purpose that waits for nobody gives way to a no.
pub(super) fn gives_way(picture: &Picture, purpose: PurposeId) -> bool {
    picture
        .purpose(purpose)
        .is_some_and(|purpose| purpose.honours_gpc)
}

/// Whether there is a right to object: to what rests on a public task or on legitimate interests (GDPR Art. 21(1)).
fn can_be_objected_to(picture: &Picture, purpose: PurposeId) -> bool {
    picture.purpose(purpose).is_some_and(|purpose| {
        matches!(
            purpose.lawful_basis,
            LawfulBasis::PublicTask | LawfulBasis::LegitimateInterests
        )
    })
}

impl Reach {
    /// Whether it reaches those of whom nothing is known: nobody of them said yes, and nobody no.
    pub fn has_strangers(self) -> bool {
        matches!(self, Self::Everybody | Self::Unobjected(_) | Self::Unrefused(_))
    }
}

impl Standing {
    /// Whether the person may get a message that reaches so far now.
    pub fn may_get(&self, ctx: &Ctx, reach: Reach) -> bool {
        !self.is_gone()
            && !self.is_restricted()
            && match reach {
                Reach::Nobody => false,
                Reach::Everybody => true,
                Reach::Consenting(purpose) => self.consents_to(purpose, ctx.now()),
                Reach::Unobjected(purpose) => !self.objects_to(purpose),
                Reach::Unrefused(purpose) => !self.objects_to(purpose) && !self.refuses(purpose),
            }
    }
}

/// Where the positions of an endpoint's messages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// The journal counts them before they are delivered.
    Journal,
    /// Nothing is ever recorded: whoever delivers counts.
    Memory,
    /// They are delivered before they are recorded.
    Nowhere,
}

/// Who counts an endpoint's messages.
pub fn counting(ctx: &Ctx, endpoint: EndpointId) -> Counting {
    let Some(picture) = ctx.pictures.get(endpoint) else {
        return Counting::Memory;
    };
    match picture.endpoint(endpoint) {
        Some(endpoint) => counting_of(&picture, endpoint),
        None => Counting::Memory,
    }
}

pub(super) fn counting_of(picture: &Picture, endpoint: &Endpoint) -> Counting {
    match endpoint.row.record {
        RecordMode::Before if picture.rules.may_keep(endpoint.row.id) => Counting::Journal,
        RecordMode::After => Counting::Nowhere,
        RecordMode::Before | RecordMode::Never => Counting::Memory,
    }
}

/// Whether a message that is remembered outside of the journal may still be said. `class` is the handle that it was
/// admitted with; where no rule keeps anything it may, unless a rule says that nothing is to be kept.
pub fn is_readable(ctx: &Ctx, endpoint: EndpointId, channel: &str, class: i64, at: DateTime<Utc>) -> bool {
    let Some(picture) = ctx.pictures.get(endpoint) else {
        return false;
    };
    if let Some(class) = picture.classes.by_handle(class) {
        return picture
            .kept(&class.key, channel)
            .is_some_and(|kept| ctx.now() < kept.until(at));
    }
    let purpose = picture
        .endpoint(endpoint)
        .and_then(|endpoint| endpoint.row.purpose_id);
    let case = Case {
        endpoint,
        purpose,
        data_types: &[],
    };
    picture
        .rules
        .decide(case, channel)
        .rule()
        .is_none_or(|rule| rule.kept != Kept::Nothing)
}
