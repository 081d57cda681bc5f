//! What can go wrong, free of any transport. `api::problem` is the only place that turns these into status codes.

use std::time::Duration;

/// The outcome of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One thing wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901) into the body, `?name` for a query parameter or a header's name.
    pub field: String,
    /// Stable, machine-readable: `taken`, `unknown`, `too_long`, …
    pub code: &'static str,
    /// A sentence that says how to mend it.
    pub detail: String,
}

impl Fault {
    /// A fault at a field.
    pub fn new(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            detail: detail.into(),
        }
    }
}

/// Why something was not done. Unless said otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist, or not for this caller: the two are not told apart.
    #[error("{what} not found")]
    NotFound {
        /// `endpoint`, `request`, …
        what: &'static str,
    },
    /// The input makes no sense.
    #[error("the input is not valid")]
    Invalid(Vec<Fault>),
    /// The input clashes with what is there.
    #[error("{detail}")]
    Conflict {
        /// Stable: `taken`, `in_use`, `last_owner`, `wrong_state`, …
        code: &'static str,
        /// The field at fault, if one is.
        field: Option<&'static str>,
        /// A sentence that says how to get out.
        detail: String,
    },
    /// Somebody else changed it since the caller last looked (`If-Match`).
    #[error("it was changed since; its version is now {current}")]
    VersionMismatch {
        /// The version it has now.
        current: i32,
    },
    /// Who is asking is not known.
    #[error("not authenticated")]
    Unauthenticated,
    /// A code or password is wrong or used up. Says no more than that.
    #[error("{detail}")]
    Rejected {
        /// Stable: `credentials_invalid`, `code_invalid`, `token_invalid`.
        code: &'static str,
        /// A sentence that says how to get out.
        detail: &'static str,
    },
    /// The caller is known and may see this, but may not do it.
    #[error("this needs the permission {permission}")]
    Forbidden {
        /// The permission that is missing.
        permission: &'static str,
    },
    /// The caller may do this, but must do something else first.
    #[error("{detail}")]
    NotYet {
        /// `email_not_verified`.
        code: &'static str,
        /// A sentence that says what comes first.
        detail: &'static str,
    },
    /// Processing is not allowed by law or by the person's will.
    #[error("{detail}")]
    NotLawful {
        /// `consent_required` or `processing_restricted`.
        code: &'static str,
        /// A sentence that says how to get out.
        detail: &'static str,
    },
    /// A quota of the tenant is used up.
    #[error("the quota of {limit} {quota} is used up")]
    OverQuota {
        /// `endpoints`, `connections`, …
        quota: &'static str,
        /// The ceiling.
        limit: i64,
    },
    /// Too often.
    #[error("too many attempts")]
    TooMany {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// It existed and is gone for good.
    #[error("{what} is gone")]
    Gone {
        /// What is gone.
        what: &'static str,
    },
    /// A part we depend on does not answer. Worth trying again.
    #[error("{what} is not available")]
    Unavailable {
        /// The part.
        what: &'static str,
        /// The cause, for the log.
        #[source]
        source: Option<anyhow::Error>,
    },
    /// Our fault. The cause goes to the log, never to the caller.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// One fault.
    pub fn invalid(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::new(field, code, detail)])
    }

    /// A clash without a field.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            field: None,
            detail: detail.into(),
        }
    }

    /// The value of this field is taken.
    pub fn taken(field: &'static str) -> Self {
        Self::Conflict {
            code: "taken",
            field: Some(field),
            detail: "this value is already in use; choose another".into(),
        }
    }

    /// Our fault, with its cause.
    pub fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self::Internal(source.into())
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        if matches!(error, sea_orm::DbErr::ConnectionAcquire(_)) {
            // It is busy, not broken: whoever asks again gets an answer.
            return Self::Unavailable {
                what: "the store",
                source: Some(error.into()),
            };
        }
        Self::Internal(anyhow::Error::new(error).context("the store"))
    }
}

impl From<vault::VaultError> for Error {
    fn from(error: vault::VaultError) -> Self {
        Self::Internal(anyhow::Error::new(error).context("the vault"))
    }
}

impl From<ledger::LedgerError> for Error {
    fn from(error: ledger::LedgerError) -> Self {
        Self::Internal(anyhow::Error::new(error).context("the log"))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(anyhow::Error::new(error).context("a stored JSON value"))
    }
}

/// Collects faults, so that an input gets all its answers at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, field: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(Fault::new(field, code, detail));
    }

    /// Adds a fault unless `holds`.
    pub fn check(
        &mut self,
        holds: bool,
        field: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        if !holds {
            self.add(field, code, detail);
        }
    }

    /// Ok when nothing was added.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.0))
        }
    }
}
