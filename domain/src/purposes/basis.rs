//! Whether what is said of a purpose's lawfulness holds together.

use entity::purpose::{self, LawfulBasis, SpecialBasis};
use serde_json::{Value, json};

use crate::{duration::Kept, error::Faults, fields};

/// What a purpose rests on.
pub(super) struct Basis<'a> {
    pub(super) lawful_basis: LawfulBasis,
    pub(super) requires_consent: bool,
    pub(super) consent_validity: Option<&'a str>,
    pub(super) balancing_note: Option<&'a str>,
    pub(super) special_basis: Option<SpecialBasis>,
}

/// Adds what does not hold together.
pub(super) fn check(faults: &mut Faults, basis: &Basis<'_>) {
    // Consent that nobody is asked for is none (GDPR Art. 4(11)); the other way round, a tenant may well ask although
    // another basis would do.
    faults.check(
        basis.requires_consent || basis.lawful_basis != LawfulBasis::Consent,
        "/requires_consent",
        "contradicts",
        "a purpose whose lawful basis is consent requires consent; choose another basis or leave this out",
    );
    faults.check(
        basis.requires_consent || basis.special_basis != Some(SpecialBasis::ExplicitConsent),
        "/special_basis",
        "contradicts",
        "explicit consent (Art. 9(2)(a)) has to be asked for: set requires_consent, or choose another basis",
    );
    fields::text(faults, "/balancing_note", basis.balancing_note);
    faults.check(
        basis.lawful_basis != LawfulBasis::LegitimateInterests
            || basis.balancing_note.is_some_and(|note| !note.trim().is_empty()),
        "/balancing_note",
        "missing",
        "legitimate interests (Art. 6(1)(f)) hold only where those of the persons do not override them: write down the \
         weighing",
    );
    validity(faults, basis.consent_validity);
}

/// Checks how long a consent is to hold.
pub(crate) fn validity(faults: &mut Faults, duration: Option<&str>) {
    let Some(duration) = duration else { return };
    match duration.parse::<Kept>() {
        Ok(Kept::Nothing) => faults.add(
            "/consent_validity",
            "too_short",
            "a consent that ends at once is none; leave this out for one without an end",
        ),
        Ok(Kept::For(_)) => {}
        Err(error) => faults.add("/consent_validity", error.code(), error.to_string()),
    }
}

/// What the log says of it.
pub(super) fn facts(row: &purpose::Model) -> Value {
    let mut facts = json!({
        "lawful_basis": row.lawful_basis,
        "requires_consent": row.requires_consent,
        "honours_gpc": row.honours_gpc,
    });
    if let Some(validity) = &row.consent_validity {
        facts["consent_validity"] = json!(validity);
    }
    if let Some(basis) = row.special_basis {
        facts["special_basis"] = json!(basis);
    }
    facts
}
