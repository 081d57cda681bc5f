//! What is to be there.

use std::{fs, path::Path};

use domain::{duration::Kept, endpoints::LimitsPatch};
use entity::{
    endpoint::{EndpointKind, OnWithdrawal, RecordMode},
    purpose::{LawfulBasis, SpecialBasis},
    retention_rule::RetentionTarget,
};
use serde::Deserialize;

use crate::trouble::Trouble;

/// A tenant and what it has. See `docs/operations.md` for an example of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[serde(default)]
    pub(crate) tenant: TenantPlan,
    #[serde(default)]
    pub(crate) purposes: Vec<PurposePlan>,
    #[serde(default)]
    pub(crate) data_types: Vec<DataTypePlan>,
    #[serde(default)]
    pub(crate) endpoints: Vec<EndpointPlan>,
    #[serde(default)]
    pub(crate) rules: Vec<RulePlan>,
}

/// `[tenant]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TenantPlan {
    pub(crate) slug: String,
    pub(crate) name: Option<String>,
    /// E-mail address.
    pub(crate) owner: String,
}

/// `[[purposes]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurposePlan {
    pub(crate) slug: String,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) lawful_basis: LawfulBasis,
    pub(crate) requires_consent: Option<bool>,
    pub(crate) consent_validity: Option<String>,
    pub(crate) balancing_note: Option<String>,
    pub(crate) special_basis: Option<SpecialBasis>,
    #[serde(default)]
    pub(crate) honours_gpc: bool,
}

/// `[[data_types]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataTypePlan {
    pub(crate) slug: String,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    #[serde(default = "yes")]
    pub(crate) personal: bool,
    pub(crate) special_category: Option<String>,
    /// JSONPath.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    pub(crate) minimise: Option<MinimisePlan>,
}

/// What happens to what a data type finds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MinimisePlan {
    pub(crate) strategy: String,
    pub(crate) keep: Option<u32>,
    pub(crate) with: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) step: Option<u32>,
}

/// `[[endpoints]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointPlan {
    pub(crate) slug: String,
    pub(crate) name: Option<String>,
    /// Left out: a relay when there is an upstream.
    pub(crate) kind: Option<EndpointKind>,
    pub(crate) upstream: Option<String>,
    pub(crate) subprotocol: Option<String>,
    pub(crate) pool_min: Option<i32>,
    pub(crate) pool_max: Option<i32>,
    pub(crate) record: Option<RecordMode>,
    /// The slug of a purpose.
    pub(crate) purpose: Option<String>,
    pub(crate) on_withdrawal: Option<OnWithdrawal>,
    pub(crate) allowed_origins: Option<Vec<String>>,
    pub(crate) jwks_url: Option<String>,
    pub(crate) max_message_bytes: Option<i32>,
    /// `[endpoints.limits]`
    #[serde(default)]
    pub(crate) limits: LimitsPatch,
    /// ISO 8601; how long its messages are kept. Left out: `P30D`, unless nothing is recorded.
    pub(crate) retain: Option<String>,
}

/// `[[rules]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulePlan {
    /// What the rule is found by.
    pub(crate) name: String,
    #[serde(default = "messages")]
    pub(crate) target: RetentionTarget,
    /// ISO 8601.
    pub(crate) duration: String,
    /// Slugs of what it is limited to.
    pub(crate) endpoint: Option<String>,
    pub(crate) data_type: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) channel_pattern: Option<String>,
}

fn yes() -> bool {
    true
}

fn messages() -> RetentionTarget {
    RetentionTarget::Messages
}

/// How long messages are kept when nobody says.
const RETAIN: &str = "P30D";

impl EndpointPlan {
    /// An endpoint of which nothing is said but its slug.
    pub(crate) fn new(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            name: None,
            kind: None,
            upstream: None,
            subprotocol: None,
            pool_min: None,
            pool_max: None,
            record: None,
            purpose: None,
            on_withdrawal: None,
            allowed_origins: None,
            jwks_url: None,
            max_message_bytes: None,
            limits: LimitsPatch::default(),
            retain: None,
        }
    }

    /// Who the back end is, if anything was said about that.
    pub(super) fn kind(&self) -> Option<EndpointKind> {
        self.kind
            .or_else(|| self.upstream.as_ref().map(|_| EndpointKind::Relay))
    }

    /// The rule that keeps its messages, unless nothing is recorded.
    pub(super) fn rule(&self, record: RecordMode) -> Option<RulePlan> {
        let duration = match (&self.retain, record) {
            (Some(duration), _) => duration.clone(),
            (None, RecordMode::Never) => return None,
            (None, RecordMode::Before | RecordMode::After) => RETAIN.to_owned(),
        };
        Some(RulePlan {
            name: format!("bootstrap: {}", self.slug),
            target: RetentionTarget::Messages,
            duration,
            endpoint: Some(self.slug.clone()),
            data_type: None,
            purpose: None,
            channel_pattern: None,
        })
    }
}

impl Plan {
    /// Checks what can be checked before anything is made.
    pub(crate) fn check(&self) -> Result<(), Trouble> {
        let retained = self
            .endpoints
            .iter()
            .filter_map(|endpoint| Some((&endpoint.slug, endpoint.retain.as_ref()?)));
        let ruled = self.rules.iter().map(|rule| (&rule.name, &rule.duration));
        for (name, duration) in retained.chain(ruled) {
            duration.parse::<Kept>().map_err(|error| {
                Trouble::new(format!("{name}: {duration} is not a duration"), error.to_string())
            })?;
        }
        Ok(())
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Trouble> {
        let name = path.display();
        let text = fs::read_to_string(path).map_err(|error| {
            Trouble::new(format!("{name} cannot be read"), "check the name in --file").because(error)
        })?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            Trouble::new(
                format!("{name} does not describe a tenant"),
                "see the example in docs/operations.md",
            )
            .because(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_recorded_needs_no_rule_unless_one_is_asked_for() {
        let mut plan = EndpointPlan::new("chat");
        assert_eq!(plan.rule(RecordMode::Before).unwrap().duration, "P30D");
        assert!(plan.rule(RecordMode::Never).is_none());
        plan.retain = Some("PT1H".to_owned());
        assert_eq!(plan.rule(RecordMode::Never).unwrap().duration, "PT1H");
    }

    #[test]
    fn a_slip_in_the_file_is_told() {
        let text = "[tenant]\nslug = \"acme\"\nonwer = \"a@b.example\"\n";
        let error = toml::from_str::<Plan>(text).unwrap_err().to_string();
        assert!(error.contains("onwer"), "{error}");
    }
}
