//! Which rule decides. Of the rules that match, the more explicit one wins; between two equally explicit ones, the
//! shorter: what was promised about a kind of data beats what holds in general, and in doubt less is kept.

use std::{cmp::Reverse, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId},
    retention_rule::{self, RetentionTarget},
};

use super::{cut::Cut, glob};
use crate::{Error, duration::Kept, error::Result};

/// What happens to the records of closed connections when no rule says anything.
pub const CONNECTIONS_KEPT: TimeDelta = TimeDelta::days(30);

/// A rule, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: RetentionRuleId,
    /// Its name.
    pub name: String,
    /// Only this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only channels like this.
    pub channel: Option<String>,
    /// Only messages in which this was found.
    pub data_type: Option<DataTypeId>,
    /// Only what is processed for this.
    pub purpose: Option<PurposeId>,
    /// How long.
    pub kept: Kept,
}

/// What a rule may be asked about, but for the channel.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// What was found in it.
    pub data_types: &'a [DataTypeId],
}

impl Rule {
    fn new(row: &retention_rule::Model) -> Result<Self> {
        Ok(Self {
            id: row.id,
            name: row.name.clone(),
            endpoint: row.endpoint_id,
            channel: row.channel_pattern.clone(),
            data_type: row.data_type_id,
            purpose: row.purpose_id,
            kept: row.duration.parse().map_err(Error::internal)?,
        })
    }

    /// How explicit it is: how many things it names, and of these how many say what the data is or exactly where.
    pub fn explicitness(&self) -> (usize, usize) {
        let narrow = usize::from(self.channel.is_some()) + usize::from(self.data_type.is_some());
        let wide = usize::from(self.endpoint.is_some()) + usize::from(self.purpose.is_some());
        (narrow + wide, narrow)
    }

    /// Whether it says anything about the case, whatever the channel.
    fn covers(&self, case: Case<'_>) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == case.endpoint)
            && self.purpose.is_none_or(|purpose| case.purpose == Some(purpose))
            && self
                .data_type
                .is_none_or(|data_type| case.data_types.contains(&data_type))
    }

    fn reaches(&self, channel: &str) -> bool {
        self.channel
            .as_deref()
            .is_none_or(|pattern| glob::matches(pattern, channel))
    }
}

/// A tenant's enabled rules, the winner of any two first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    messages: Vec<Arc<Rule>>,
    connections: Vec<Arc<Rule>>,
    audit_events: Vec<Arc<Rule>>,
}

impl Rules {
    /// Puts the rules in order.
    pub fn new(rows: &[retention_rule::Model]) -> Result<Self> {
        let of = |target: RetentionTarget| -> Result<Vec<Arc<Rule>>> {
            let mut rules = rows
                .iter()
                .filter(|row| row.enabled && row.target == target)
                .map(|row| Rule::new(row).map(Arc::new))
                .collect::<Result<Vec<_>>>()?;
            // The id last, so that the order is the same everywhere and always.
            rules.sort_by_key(|rule| (Reverse(rule.explicitness()), rule.kept.approximate(), rule.id));
            Ok(rules)
        };
        Ok(Self {
            messages: of(RetentionTarget::Messages)?,
            connections: of(RetentionTarget::Connections)?,
            audit_events: of(RetentionTarget::AuditEvents)?,
        })
    }

    /// Rules on messages that match, the winner first.
    pub fn matching<'a>(&'a self, case: Case<'a>, channel: &'a str) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.messages
            .iter()
            .filter(move |rule| rule.covers(case) && rule.reaches(channel))
    }

    /// The rule that decides about a message.
    pub fn winner(&self, case: Case<'_>, channel: &str) -> Option<&Arc<Rule>> {
        self.messages
            .iter()
            .find(|rule| rule.covers(case) && rule.reaches(channel))
    }

    /// Whether anything of an endpoint's messages may be kept at all.
    pub fn may_keep(&self, endpoint: EndpointId) -> bool {
        self.messages
            .iter()
            .any(|rule| rule.kept != Kept::Nothing && rule.endpoint.is_none_or(|named| named == endpoint))
    }

    /// Whether what wins may hang on the channel.
    pub fn ask_for_channels(&self) -> bool {
        self.messages.iter().any(|rule| rule.channel.is_some())
    }

    /// The rules that may decide about messages of a class, in order. All but the last hang on the channel.
    /// `pattern` is known to match all of the class's channels.
    pub fn candidates(&self, case: Case<'_>, pattern: Option<&str>) -> Vec<&Arc<Rule>> {
        let mut candidates = Vec::new();
        for rule in self.messages.iter().filter(|rule| rule.covers(case)) {
            candidates.push(rule);
            if rule.channel.is_none() || rule.channel.as_deref() == pattern {
                break;
            }
        }
        candidates
    }

    /// What of a class is readable now.
    pub fn cut(&self, case: Case<'_>, pattern: Option<&str>, now: DateTime<Utc>) -> Cut {
        let mut cases = Vec::new();
        for rule in self.candidates(case, pattern) {
            match &rule.channel {
                Some(channel) if Some(channel.as_str()) != pattern => {
                    cases.push((channel.clone(), rule.kept));
                }
                _ => return Cut::new(cases, Some(rule.kept), now),
            }
        }
        Cut::new(cases, None, now)
    }

    /// How long closed connections of an endpoint are kept.
    pub fn connections(&self, endpoint: EndpointId) -> Option<&Arc<Rule>> {
        self.connections
            .iter()
            .find(|rule| rule.endpoint.is_none_or(|named| named == endpoint))
    }

    /// The rules on connections, the winner of any two first.
    pub fn all_connections(&self) -> &[Arc<Rule>] {
        &self.connections
    }

    /// How long details of audit events are kept; none: for good.
    pub fn audit_events(&self) -> Option<&Arc<Rule>> {
        self.audit_events.first()
    }
}
