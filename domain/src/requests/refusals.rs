//! Why a request may be refused, as data. The terms are those of the Data Privacy Vocabulary's GDPR extension
//! (DPV 2.3, `eu-gdpr:Justification…`); the words are for the person who asked.

use entity::request::RequestKind;

/// A reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable; what the API takes and the store keeps.
    pub code: &'static str,
    /// The term of the vocabulary.
    pub dpv: &'static str,
    /// The provision.
    pub provision: &'static str,
    /// What it can be said about; none: any kind of request.
    pub kind: Option<RequestKind>,
    /// A sentence that follows "because".
    pub because: &'static str,
}

/// Every reason there is.
pub const REFUSALS: &[Refusal] = &[
    Refusal {
        code: "manifestly_unfounded",
        dpv: "eu-gdpr:JustificationA12ManifestlyUnfounded",
        provision: "Art. 12(5)(b) GDPR",
        kind: None,
        because: "it is manifestly unfounded",
    },
    Refusal {
        code: "manifestly_excessive",
        dpv: "eu-gdpr:JustificationA12ManifestlyExcessive",
        provision: "Art. 12(5)(b) GDPR",
        kind: None,
        because: "it is manifestly excessive, in particular because it repeats earlier requests",
    },
    Refusal {
        code: "identity_not_verified",
        dpv: "eu-gdpr:JustificationA12IdentityFailure",
        provision: "Art. 12(2) and 12(6) GDPR",
        kind: None,
        because: "we could not make sure that the data are yours",
    },
    Refusal {
        code: "information_required",
        dpv: "eu-gdpr:JustificationA12InformationRequired",
        provision: "Art. 12(6) GDPR",
        kind: None,
        because: "we need more information from you to answer it",
    },
    Refusal {
        code: "rights_of_others",
        dpv: "justifications:ThirdPartyRightsImpaired",
        provision: "Art. 15(4) GDPR",
        kind: Some(RequestKind::Access),
        because: "a copy would adversely affect the rights and freedoms of others",
    },
    Refusal {
        code: "compelling_grounds",
        dpv: "justifications:LegitimateInterestImpaired",
        provision: "Art. 21(1) GDPR",
        kind: Some(RequestKind::Objection),
        because: "there are compelling legitimate grounds for the processing that override your interests",
    },
    Refusal {
        code: "data_accurate",
        dpv: "justifications:NonNecessityObjection",
        provision: "Art. 16 GDPR",
        kind: Some(RequestKind::Rectification),
        because: "we have checked the data, and they are accurate",
    },
    Refusal {
        code: "no_ground",
        dpv: "eu-gdpr:JustificationA12ManifestlyUnfounded",
        provision: "Art. 18(1) GDPR",
        kind: Some(RequestKind::Restriction),
        because: "none of the grounds for a restriction applies",
    },
    Refusal {
        code: "rights_of_others_portability",
        dpv: "justifications:ThirdPartyRightsImpaired",
        provision: "Art. 20(4) GDPR",
        kind: Some(RequestKind::Portability),
        because: "handing the data over would adversely affect the rights and freedoms of others",
    },
    Refusal {
        code: "freedom_of_expression",
        dpv: "eu-gdpr:JustificationA17FreedomOfExpression",
        provision: "Art. 17(3)(a) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the data are necessary for exercising the right of freedom of expression and information",
    },
    Refusal {
        code: "legal_obligation",
        dpv: "eu-gdpr:JustificationA17LegallyRequired",
        provision: "Art. 17(3)(b) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the law obliges us to keep the data",
    },
    Refusal {
        code: "public_interest",
        dpv: "eu-gdpr:JustificationA17PublicInterest",
        provision: "Art. 17(3)(b) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the data are necessary for a task in the public interest",
    },
    Refusal {
        code: "official_authority",
        dpv: "eu-gdpr:JustificationA17OfficialAuthority",
        provision: "Art. 17(3)(b) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the data are necessary for the exercise of official authority",
    },
    Refusal {
        code: "public_health",
        dpv: "eu-gdpr:JustificationA17PublicHealth",
        provision: "Art. 17(3)(c) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the data are necessary for reasons of public interest in the area of public health",
    },
    Refusal {
        code: "archiving",
        dpv: "eu-gdpr:JustificationA17Archiving",
        provision: "Art. 17(3)(d) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the data are necessary for archiving in the public interest, research or statistics",
    },
    Refusal {
        code: "legal_claims",
        dpv: "eu-gdpr:JustificationA17LegalClaims",
        provision: "Art. 17(3)(e) GDPR",
        kind: Some(RequestKind::Erasure),
        because: "the data are necessary for the establishment, exercise or defence of legal claims",
    },
];

/// The reason with this code, if it can be said about this kind of request.
pub fn refusal(code: &str, kind: RequestKind) -> Option<&'static Refusal> {
    REFUSALS
        .iter()
        .find(|refusal| refusal.code == code && refusal.kind.is_none_or(|only| only == kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_against_erasure_says_nothing_against_access() {
        assert!(refusal("legal_claims", RequestKind::Erasure).is_some());
        assert!(refusal("legal_claims", RequestKind::Access).is_none());
        assert!(refusal("manifestly_excessive", RequestKind::Access).is_some());
        assert!(refusal("because", RequestKind::Access).is_none());
    }

    #[test]
    fn codes_are_unique() {
        for (at, one) in REFUSALS.iter().enumerate() {
            assert!(REFUSALS[at + 1..].iter().all(|other| other.code != one.code));
        }
    }
}
