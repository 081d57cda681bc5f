//! Which rule decides. Of the rules that delete and match, the more explicit one wins; between two equally explicit ones,
//! the shorter: what was promised about a kind of data beats what holds in general, and in doubt less is kept. A legal
//! minimum beats them all while it lasts; of several, the longest. A hold ([`crate::holds`]) beats everything.

use std::{cmp::Reverse, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId},
    retention_rule::{self, RetentionAction, RetentionKind, RetentionTarget},
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
    /// Not deleted before that, instead of deleted then.
    pub is_minimum: bool,
    /// What is not personal of it stays.
    pub anonymises: bool,
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
            is_minimum: row.kind == RetentionKind::LegalMinimum,
            anonymises: row.action == RetentionAction::Anonymise,
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

/// What the rules say of a message.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Of the rules that delete, the one that wins.
    pub deletion: Option<&'a Arc<Rule>>,
    /// The legal minimum that lasts longer than that.
    pub minimum: Option<&'a Arc<Rule>>,
}

impl<'a> Decision<'a> {
    /// The rule that says how long; none: no rule says that anything is kept.
    pub fn rule(self) -> Option<&'a Arc<Rule>> {
        self.minimum.or(self.deletion)
    }

    /// How long.
    pub fn kept(self) -> Kept {
        self.rule().map_or(Kept::Nothing, |rule| rule.kept)
    }
}

fn lasts_longer(minimum: Kept, deletion: Kept) -> bool {
    minimum.approximate() > deletion.approximate()
}

/// A tenant's enabled rules, the winner of any two first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    messages: Vec<Arc<Rule>>,
    /// The longest first.
    minimums: Vec<Arc<Rule>>,
    connections: Vec<Arc<Rule>>,
    audit_events: Vec<Arc<Rule>>,
}

impl Rules {
    /// Puts the rules in order.
    pub fn new(rows: &[retention_rule::Model]) -> Result<Self> {
        let of = |target: RetentionTarget, kind: RetentionKind| -> Result<Vec<Arc<Rule>>> {
            let mut rules = rows
                .iter()
                .filter(|row| row.enabled && row.target == target && row.kind == kind)
                .map(|row| Rule::new(row).map(Arc::new))
                .collect::<Result<Vec<_>>>()?;
            // The id last, so that the order is the same everywhere and always.
            rules.sort_by_key(|rule| (Reverse(rule.explicitness()), rule.kept.approximate(), rule.id));
            Ok(rules)
        };
        let mut minimums = of(RetentionTarget::Messages, RetentionKind::LegalMinimum)?;
        minimums.retain(|rule| rule.kept != Kept::Nothing);
        minimums.sort_by_key(|rule| (Reverse(rule.kept.approximate()), rule.id));
        Ok(Self {
            messages: of(RetentionTarget::Messages, RetentionKind::Deletion)?,
            minimums,
            connections: of(RetentionTarget::Connections, RetentionKind::Deletion)?,
            audit_events: of(RetentionTarget::AuditEvents, RetentionKind::Deletion)?,
        })
    }

    /// What is said of a message.
    pub fn decide(&self, case: Case<'_>, channel: &str) -> Decision<'_> {
        let deletion = self.winner(case, channel);
        let kept = deletion.map_or(Kept::Nothing, |rule| rule.kept);
        let minimum = self
            .minimums
            .iter()
            .take_while(|rule| lasts_longer(rule.kept, kept))
            .find(|rule| rule.covers(case) && rule.reaches(channel));
        Decision { deletion, minimum }
    }

    /// Legal minimums that match, the longest first.
    pub fn minimums<'a>(&'a self, case: Case<'a>, channel: &'a str) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.minimums
            .iter()
            .filter(move |rule| rule.covers(case) && rule.reaches(channel))
    }

    /// Rules that delete messages and match, the winner first.
    pub fn matching<'a>(&'a self, case: Case<'a>, channel: &'a str) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.messages
            .iter()
            .filter(move |rule| rule.covers(case) && rule.reaches(channel))
    }

    /// Of the rules that delete, the one that wins.
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
        let all = self.messages.iter().chain(&self.minimums);
        all.into_iter().any(|rule| rule.channel.is_some())
    }

    /// The rules that delete and may decide about messages of a class, in order. All but the last hang on the channel.
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

    /// The one rule that decides about all messages of a class, where one does.
    pub fn only(&self, case: Case<'_>, pattern: Option<&str>) -> Option<&Arc<Rule>> {
        let only = match self.candidates(case, pattern).as_slice() {
            [] => None,
            [only] if only.channel.is_none() || only.channel.as_deref() == pattern => Some(*only),
            _ => return None,
        };
        let kept = only.map_or(Kept::Nothing, |rule| rule.kept);
        let longer = self
            .minimums
            .iter()
            .find(|rule| rule.covers(case) && lasts_longer(rule.kept, kept));
        match longer {
            None => only,
            Some(rule) if rule.channel.is_none() || rule.channel.as_deref() == pattern => Some(rule),
            Some(_) => None,
        }
    }

    /// How long messages of a class are kept: for channels that match all of a case's patterns, the first case that
    /// matches. The last has no pattern.
    pub fn cases(&self, case: Case<'_>, pattern: Option<&str>) -> Vec<(Vec<String>, Kept)> {
        let minimums: Vec<_> = self.minimums.iter().filter(|rule| rule.covers(case)).collect();
        let hangs_on = |rule: &Rule| rule.channel.clone().filter(|own| Some(own.as_str()) != pattern);
        let mut cases = Vec::new();
        let mut branch = |channel: Option<String>, kept: Kept| {
            for minimum in minimums.iter().take_while(|rule| lasts_longer(rule.kept, kept)) {
                let narrower = hangs_on(minimum);
                let is_all = narrower.is_none();
                cases.push((channel.iter().cloned().chain(narrower).collect(), minimum.kept));
                if is_all {
                    return;
                }
            }
            cases.push((Vec::from_iter(channel), kept));
        };
        for rule in self.candidates(case, pattern) {
            let channel = hangs_on(rule);
            let is_last = channel.is_none();
            branch(channel, rule.kept);
            if is_last {
                return cases;
            }
        }
        branch(None, Kept::Nothing);
        cases
    }

    /// What of a class is readable now.
    pub fn cut(&self, case: Case<'_>, pattern: Option<&str>, now: DateTime<Utc>) -> Cut {
        Cut::new(self.cases(case, pattern), now)
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
