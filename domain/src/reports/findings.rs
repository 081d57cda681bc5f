//! What a report finds: how bad it is, what proves it, and the way out.

use serde_json::{Value, json};

use super::proof;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// To be known.
    Low,
    /// To be mended.
    Medium,
    /// To be mended now.
    High,
}

impl Severity {
    /// The published spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Something to be mended, or known.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Stable.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a slug, an id.
    pub about: String,
    /// A sentence.
    pub detail: String,
    /// The leaf that proves it, where one does.
    pub leaf: Option<i64>,
    /// A sentence that says how to get out.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(
        code: &'static str,
        severity: Severity,
        about: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            about: about.into(),
            detail: detail.into(),
            leaf: None,
            remedy: remedy.into(),
        }
    }

    /// The same finding in two reports has the same key.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.code, self.about)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "key": self.key(),
            "code": self.code,
            "severity": self.severity.as_str(),
            "about": self.about,
            "detail": self.detail,
            "proof": self.leaf.map(proof),
            "remedy": self.remedy,
        })
    }
}
