//! A minimisation as people write it, and what is wrong with it.

use super::{Minimise, TimeUnit};
use crate::error::Faults;

/// Largest `keep` of `mask` and `truncate`.
const MAX_KEEP: u32 = 1_000;
/// Most decimal places of a coordinate that can be asked for: 11 cm.
const MAX_PLACES: u32 = 6;
/// Decimal places of a coordinate when nothing is said: 11 km.
const USUAL_PLACES: u32 = 1;
/// Longest `with`, in characters.
const MAX_WITH: usize = 200;

/// A minimisation as the API's body says it.
#[derive(Clone, Debug, Default)]
pub struct MinimiseParts {
    /// `none`, `remove`, …
    pub strategy: String,
    /// For `mask`, `truncate` and `truncate_geo`.
    pub keep: Option<u32>,
    /// For `replace`.
    pub with: Option<String>,
    /// For `truncate_time`.
    pub to: Option<String>,
    /// For `generalise`.
    pub step: Option<u32>,
}

impl MinimiseParts {
    /// Leaves values as they are.
    #[must_use]
    pub fn none() -> Self {
        Self::new("none")
    }

    /// A strategy that needs no more.
    #[must_use]
    pub fn new(strategy: &str) -> Self {
        Self {
            strategy: strategy.to_owned(),
            ..Self::default()
        }
    }

    /// What these parts mean. `None` when something is wrong, which is then in `faults`, under `field`.
    pub fn check(&self, faults: &mut Faults, field: &str) -> Option<Minimise> {
        self.check_taken(faults, field);
        match (self.strategy.as_str(), self.keep) {
            ("none", _) => Some(Minimise::None),
            ("remove", _) => Some(Minimise::Remove),
            ("null", _) => Some(Minimise::Null),
            ("mask", keep) => Some(Minimise::Mask {
                keep: keep.unwrap_or(0),
            }),
            ("hash", _) => Some(Minimise::Hash),
            ("truncate_geo", keep) => {
                let keep = keep.unwrap_or(USUAL_PLACES);
                faults.check(
                    keep <= MAX_PLACES,
                    format!("{field}/keep"),
                    "out_of_range",
                    format!("use 0 to {MAX_PLACES} decimal places"),
                );
                Some(Minimise::TruncateGeo { keep })
            }
            ("replace", _) => missing(
                faults,
                format!("{field}/with"),
                "say what to put there instead",
                self.with.clone().map(|with| Minimise::Replace { with }),
            ),
            ("truncate", keep) => missing(
                faults,
                format!("{field}/keep"),
                "say how many characters or digits stay",
                keep.map(|keep| Minimise::Truncate { keep }),
            ),
            ("generalise", _) => missing(
                faults,
                format!("{field}/step"),
                "say how wide the steps are, from 1",
                self.step
                    .filter(|step| *step > 0)
                    .map(|step| Minimise::Generalise { step }),
            ),
            ("truncate_time", _) => missing(
                faults,
                format!("{field}/to"),
                "use year, month, day, hour or minute",
                self.to
                    .as_deref()
                    .and_then(TimeUnit::parse)
                    .map(|to| Minimise::TruncateTime { to }),
            ),
            _ => {
                faults.add(
                    format!("{field}/strategy"),
                    "unknown",
                    "use none, remove, null, replace, mask, truncate, truncate_geo, truncate_time, generalise or hash",
                );
                None
            }
        }
    }

    /// The same for what is left when a message expires: there, nothing may stay as it is, and nothing may stand for a
    /// person that somebody with a key could name again.
    pub fn check_anonymous(&self, faults: &mut Faults, field: &str) -> Option<Minimise> {
        faults.check(
            !matches!(self.strategy.as_str(), "none" | "hash"),
            format!("{field}/strategy"),
            "not_anonymous",
            "what stays as it is, or as a keyed hash, is personal data still",
        );
        self.check(faults, field)
    }

    fn check_taken(&self, faults: &mut Faults, field: &str) {
        let strategy = self.strategy.as_str();
        let parts = [
            (
                "keep",
                self.keep.is_some(),
                matches!(strategy, "mask" | "truncate" | "truncate_geo"),
                "only mask, truncate and truncate_geo take it",
            ),
            (
                "with",
                self.with.is_some(),
                strategy == "replace",
                "only replace takes it",
            ),
            (
                "to",
                self.to.is_some(),
                strategy == "truncate_time",
                "only truncate_time takes it",
            ),
            (
                "step",
                self.step.is_some(),
                strategy == "generalise",
                "only generalise takes it",
            ),
        ];
        for (part, given, taken, detail) in parts {
            faults.check(taken || !given, format!("{field}/{part}"), "unexpected", detail);
        }
        faults.check(
            self.keep.is_none_or(|keep| keep <= MAX_KEEP),
            format!("{field}/keep"),
            "out_of_range",
            format!("use 0 to {MAX_KEEP}"),
        );
        faults.check(
            self.with
                .as_ref()
                .is_none_or(|with| with.chars().count() <= MAX_WITH),
            format!("{field}/with"),
            "too_long",
            format!("use at most {MAX_WITH} characters"),
        );
    }
}

fn missing(faults: &mut Faults, field: String, detail: &str, minimise: Option<Minimise>) -> Option<Minimise> {
    if minimise.is_none() {
        faults.add(field, "missing", detail);
    }
    minimise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let with = |strategy: &str, change: &dyn Fn(&mut MinimiseParts)| {
            let mut parts = MinimiseParts::new(strategy);
            change(&mut parts);
            parts
        };
        for (parts, field) in [
            (with("hash", &|parts| parts.keep = Some(1)), "/minimise/keep"),
            (
                with("mask", &|parts| parts.with = Some("x".into())),
                "/minimise/with",
            ),
            (with("replace", &|_| ()), "/minimise/with"),
            (with("truncate", &|_| ()), "/minimise/keep"),
            (with("mask", &|parts| parts.keep = Some(1_001)), "/minimise/keep"),
            (with("shuffle", &|_| ()), "/minimise/strategy"),
            (with("truncate_time", &|_| ()), "/minimise/to"),
            (
                with("truncate_time", &|parts| parts.to = Some("week".into())),
                "/minimise/to",
            ),
            (
                with("generalise", &|parts| parts.step = Some(0)),
                "/minimise/step",
            ),
            (
                with("truncate_geo", &|parts| parts.keep = Some(7)),
                "/minimise/keep",
            ),
        ] {
            let mut faults = Faults::default();
            parts.check(&mut faults, "/minimise");
            let Err(crate::Error::Invalid(faults)) = faults.finish() else {
                panic!("{parts:?} was let through");
            };
            assert_eq!(faults[0].field, field, "{parts:?}");
        }
    }

    #[test]
    fn what_is_left_of_a_person_may_not_be_their_value_or_its_hash() {
        for strategy in ["none", "hash"] {
            let mut faults = Faults::default();
            MinimiseParts::new(strategy).check_anonymous(&mut faults, "/at_expiry");
            assert!(faults.finish().is_err(), "{strategy}");
        }
        let mut faults = Faults::default();
        let parts = MinimiseParts::new("truncate_geo");
        assert_eq!(
            parts.check_anonymous(&mut faults, "/at_expiry"),
            Some(Minimise::TruncateGeo { keep: 1 })
        );
        faults.finish().unwrap();
    }
}
