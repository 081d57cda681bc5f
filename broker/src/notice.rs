//! What a session hears about its own person, before it is closed or in place of what is held back from now on.

/// Something that changed about the person of a session. Only clients that asked for notices get it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub enum Notice {
    /// The person withdrew a consent.
    ConsentWithdrawn {
        /// The purpose's slug.
        purpose: Box<str>,
    },
    /// The person gave a consent.
    ConsentGiven {
        /// The purpose's slug.
        purpose: Box<str>,
    },
    /// The person restricted the processing (GDPR Art. 18).
    ProcessingRestricted,
    /// Something that is known about the person was corrected (GDPR Art. 16): what is shown of it should be read anew.
    DataCorrected,
    /// The person was erased.
    SubjectErased,
}

impl Notice {
    /// What it is called on the wire.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::ConsentWithdrawn { .. } => "consent_withdrawn",
            Self::ConsentGiven { .. } => "consent_given",
            Self::ProcessingRestricted => "processing_restricted",
            Self::DataCorrected => "data_corrected",
            Self::SubjectErased => "subject_erased",
        }
    }

    /// The slug of the purpose it is about.
    pub(crate) fn purpose(&self) -> Option<&str> {
        match self {
            Self::ConsentWithdrawn { purpose } | Self::ConsentGiven { purpose } => Some(purpose),
            Self::ProcessingRestricted | Self::DataCorrected | Self::SubjectErased => None,
        }
    }
}
