//! Rules to begin with, by sector, each with the text it comes from. They are starting points for a controller who knows
//! their own duties, not legal advice; what they name (endpoints, purposes, data types) the tenant fills in.

use entity::retention_rule::{RetentionKind, RetentionTarget};

/// Rules that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Stable.
    pub key: &'static str,
    /// For people.
    pub name: &'static str,
    /// For whom it is.
    pub description: &'static str,
    /// The rules.
    pub rules: &'static [TemplateRule],
}

/// A rule of a template.
#[derive(Clone, Copy, Debug)]
pub struct TemplateRule {
    /// For people.
    pub name: &'static str,
    /// What it is about.
    pub target: RetentionTarget,
    /// What it demands.
    pub kind: RetentionKind,
    /// ISO 8601.
    pub duration: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What it should be limited to, in words.
    pub limit_to: Option<&'static str>,
}

const fn deletion(name: &'static str, duration: &'static str, source: &'static str) -> TemplateRule {
    TemplateRule {
        name,
        target: RetentionTarget::Messages,
        kind: RetentionKind::Deletion,
        duration,
        source,
        limit_to: None,
    }
}

const fn minimum(
    name: &'static str,
    duration: &'static str,
    source: &'static str,
    limit_to: &'static str,
) -> TemplateRule {
    TemplateRule {
        kind: RetentionKind::LegalMinimum,
        limit_to: Some(limit_to),
        ..deletion(name, duration, source)
    }
}

const fn limited(rule: TemplateRule, limit_to: &'static str) -> TemplateRule {
    TemplateRule {
        limit_to: Some(limit_to),
        ..rule
    }
}

const fn connections(duration: &'static str, source: &'static str) -> TemplateRule {
    TemplateRule {
        target: RetentionTarget::Connections,
        ..deletion("records of connections", duration, source)
    }
}

const STORAGE_LIMITATION: &str = "Art. 5(1)(e) GDPR: no longer than necessary for the purpose";

/// All of them.
pub const TEMPLATES: &[Template] = &[
    Template {
        key: "chat",
        name: "Chat and community",
        description: "People talk to each other; recent history is of use, old history is a risk.",
        rules: &[
            deletion("chat", "P30D", STORAGE_LIMITATION),
            limited(
                deletion("special categories", "P1D", "Art. 9(1) and Art. 5(1)(c) GDPR"),
                "a data type of a special category",
            ),
            connections("P7D", STORAGE_LIMITATION),
        ],
    },
    Template {
        key: "support",
        name: "Customer support",
        description: "Conversations about orders and contracts, kept until claims from them are time-barred.",
        rules: &[
            deletion(
                "support conversations",
                "P3Y",
                "§ 195 BGB: standard limitation period of three years",
            ),
            connections("P30D", STORAGE_LIMITATION),
        ],
    },
    Template {
        key: "commerce_de",
        name: "Commerce and accounting (Germany)",
        description: "Messages that are commercial letters or accounting vouchers.",
        rules: &[
            minimum(
                "commercial letters",
                "P6Y",
                "§ 257(1) no. 2 and 3, (4) HGB; § 147(1) no. 2 and 3, (3) AO: six years",
                "the purpose of your commercial correspondence",
            ),
            minimum(
                "accounting vouchers",
                "P8Y",
                "§ 257(1) no. 4, (4) HGB; § 147(1) no. 4, (3) AO as amended by BEG IV: eight years",
                "the purpose of your accounting",
            ),
            minimum(
                "books and annual accounts",
                "P10Y",
                "§ 257(1) no. 1, (4) HGB; § 147(1) no. 1, (3) AO: ten years",
                "the purpose of your annual accounts",
            ),
            deletion("everything else", "P30D", STORAGE_LIMITATION),
        ],
    },
    Template {
        key: "finance_eu",
        name: "Investment services (EU)",
        description: "Electronic communications about client orders, and anti-money-laundering files.",
        rules: &[
            minimum(
                "communications about orders",
                "P5Y",
                "Art. 16(7) Directive 2014/65/EU (MiFID II): five years, seven where the authority asks for it",
                "the purpose of client orders",
            ),
            minimum(
                "due diligence",
                "P5Y",
                "Art. 77 Regulation (EU) 2024/1624: five years after the end of the relationship",
                "the purpose of due diligence",
            ),
            deletion("everything else", "P90D", STORAGE_LIMITATION),
        ],
    },
    Template {
        key: "broker_dealer_us",
        name: "Broker-dealers (US)",
        description: "Communications relating to the business of a broker or dealer.",
        rules: &[minimum(
            "business communications",
            "P3Y",
            "17 CFR § 240.17a-4(b)(4): three years, the first two in an easily accessible place",
            "the purpose of your business as such",
        )],
    },
    Template {
        key: "health_de",
        name: "Medical treatment (Germany)",
        description: "Messages that are part of a patient's file.",
        rules: &[
            minimum(
                "patient files",
                "P10Y",
                "§ 630f(3) BGB: ten years after the end of the treatment",
                "the purpose of treatment",
            ),
            deletion("everything else", "P30D", "Art. 5(1)(e) and Art. 9 GDPR"),
        ],
    },
    Template {
        key: "hipaa_us",
        name: "HIPAA documentation (US)",
        description: "Documentation that the Privacy and Security Rules require; medical records follow state law.",
        rules: &[minimum(
            "required documentation",
            "P6Y",
            "45 CFR § 164.316(b)(2)(i) and § 164.530(j)(2): six years",
            "the purpose of HIPAA documentation",
        )],
    },
    Template {
        key: "hiring_de",
        name: "Applicants (Germany)",
        description: "Conversations with people who applied for a job and were not hired.",
        rules: &[deletion(
            "applicants",
            "P6M",
            "§ 15(4) AGG and § 61b ArbGG: claims within two months, suits within three more; six months are customary",
        )],
    },
    Template {
        key: "telemetry",
        name: "Devices and telemetry",
        description: "Positions, readings and presence that are of use for the moment.",
        rules: &[
            deletion("readings", "P1D", STORAGE_LIMITATION),
            limited(
                deletion("positions", "PT1H", "Art. 5(1)(c) GDPR: data minimisation"),
                "the data type of positions",
            ),
            connections("P7D", STORAGE_LIMITATION),
        ],
    },
    Template {
        key: "nothing",
        name: "Pass on, keep nothing",
        description: "Messages are delivered and never recorded.",
        rules: &[
            deletion(
                "nothing is recorded",
                "P0D",
                "Art. 25(2) GDPR: data protection by default",
            ),
            connections("PT1H", STORAGE_LIMITATION),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::Kept;

    #[test]
    fn every_template_has_a_name_of_its_own_and_durations_that_are_some() {
        let mut keys: Vec<_> = TEMPLATES.iter().map(|template| template.key).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
        for rule in TEMPLATES.iter().flat_map(|template| template.rules) {
            let kept: Kept = rule.duration.parse().unwrap();
            assert_eq!(kept.to_string(), rule.duration, "{}", rule.name);
            assert!(!rule.source.is_empty());
        }
    }
}
