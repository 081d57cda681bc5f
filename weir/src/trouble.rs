//! What keeps Weir from doing as it was told, in words for the operator: what is wrong, why, and what to do.

use std::{error::Error, fmt, process::ExitCode};

use crate::print;

/// A reason to stop with an exit code, 1 unless said otherwise. Never carries a secret: it is printed.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: String,
    because: Option<String>,
    remedy: String,
    code: u8,
}

impl Trouble {
    /// `what` is wrong, and `remedy` mends it. Both are sentences.
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            because: None,
            remedy: remedy.into(),
            code: 1,
        }
    }

    /// Gives it an exit code of its own, for programs that ask.
    #[must_use]
    pub(crate) fn exits_with(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Adds what a part below said.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl fmt::Display) -> Self {
        self.because = Some(cause.to_string());
        self
    }

    /// What is wrong, without the rest.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What mends it.
    pub(crate) fn remedy(&self) -> &str {
        &self.remedy
    }

    /// What a part below said.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.because.as_deref()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(because) = &self.because {
            write!(f, "\n  because: {because}")?;
        }
        write!(f, "\n  to mend it: {}", self.remedy)
    }
}

impl Error for Trouble {}

/// An error and all its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own words.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Says what went wrong, if anything did, and gives the exit code: 0, or what the trouble says, or 1.
pub(crate) fn exit_code(outcome: &anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::note(format!("weir: {error:#}"));
            let code = error.downcast_ref::<Trouble>().map_or(1, |trouble| trouble.code);
            ExitCode::from(code)
        }
    }
}
