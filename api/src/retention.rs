//! What the retention rules mean, over REST: which one decides and why, and what is held.

use chrono::{DateTime, Utc};
use domain::{
    error::{Error, Faults},
    permissions::Permission,
    pictures, retention,
    retention::{self as meaning, Asked, ClassSummary},
};
use entity::{
    hold,
    id::{DataTypeId, EndpointId, HoldId, PurposeId, RetentionRuleId, SubjectId},
};
use poem_openapi::{Object, OpenApi, payload::Json};
use serde::Deserialize;

use crate::{
    balances::Balance, body::Body, caller::Caller, messages::parse_id, problem::ApiError,
    retention_rules::Rule, state::State, tags::Tag,
};

/// What is asked about: a recorded message, all that is recorded about a person, or a message as it could come.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainIn {
    /// A recorded message. Leave out all else then.
    message_id: Option<String>,
    /// All that is recorded about a person. Leave out all else then.
    subject_id: Option<SubjectId>,
    /// On this endpoint.
    endpoint_id: Option<EndpointId>,
    /// On this channel. Default `main`.
    channel: Option<String>,
    /// For this purpose. Default the endpoint's.
    purpose_id: Option<PurposeId>,
    /// With these in it.
    data_type_ids: Option<Vec<DataTypeId>>,
}

impl ExplainIn {
    fn asked(self) -> Result<Asked, Error> {
        let mut faults = Faults::default();
        if let Some(subject) = self.subject_id {
            let more = self.message_id.is_some()
                || self.endpoint_id.is_some()
                || self.channel.is_some()
                || self.purpose_id.is_some()
                || self.data_type_ids.is_some();
            faults.check(
                !more,
                "/subject_id",
                "not_alone",
                "ask about a person or about something else, not both",
            );
            faults.finish()?;
            return Ok(Asked::Subject(subject));
        }
        let case = self.endpoint_id.is_some();
        match (self.message_id, self.endpoint_id) {
            (Some(id), None) => {
                let more =
                    self.channel.is_some() || self.purpose_id.is_some() || self.data_type_ids.is_some();
                faults.check(
                    !more,
                    "/message_id",
                    "not_alone",
                    "a recorded message says all else itself",
                );
                faults.finish()?;
                let unknown = |_| Error::invalid("/message_id", "unknown", "there is no such message");
                Ok(Asked::Message(parse_id(&id).map_err(unknown)?))
            }
            (None, Some(endpoint)) => Ok(Asked::Case {
                endpoint,
                channel: self.channel,
                purpose: self.purpose_id,
                data_types: self.data_type_ids.unwrap_or_default(),
            }),
            _ => {
                let (code, detail) = if case {
                    ("not_alone", "ask about a message or about an endpoint, not both")
                } else {
                    ("missing", "say which endpoint, or which message with /message_id")
                };
                Err(Error::invalid("/endpoint_id", code, detail))
            }
        }
    }
}

/// How long something is kept, and why.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Explanation {
    /// The rule that decides; absent when none says that it is kept.
    rule: Option<Rule>,
    /// ISO 8601; `P0D`: never recorded.
    duration: String,
    /// In words.
    reason: String,
    /// Of a recorded message: from then on it cannot be read. Of a person: from then on nothing can.
    readable_until: Option<DateTime<Utc>>,
    /// Every rule that matches, in the order in which they win.
    candidates: Vec<RuleCandidate>,
    /// Of a person: kind by kind.
    parts: Option<Vec<ExplainedPart>>,
    /// Legal holds that keep it while they stand, whatever rules say. Only for who has `holds:read`.
    holds: Vec<ExplainedHold>,
}

/// A legal hold that keeps something.
#[derive(Clone, Debug, Object)]
pub struct ExplainedHold {
    id: HoldId,
    name: String,
}

/// A rule that matches.
#[derive(Clone, Debug, Object)]
pub struct RuleCandidate {
    rule: Rule,
    /// Whether it decides.
    decides: bool,
    /// Why it does, or does not.
    because: String,
}

/// What is recorded about a person, of one kind.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ExplainedPart {
    endpoint_id: EndpointId,
    channel: String,
    purpose_id: Option<PurposeId>,
    /// Slugs of what was found in it.
    data_types: Vec<String>,
    /// Messages that can be read.
    messages: i64,
    /// The rule that decides.
    rule: Option<Rule>,
    /// ISO 8601.
    duration: String,
    /// In words.
    reason: String,
    /// From then on none of them can be read.
    readable_until: Option<DateTime<Utc>>,
    candidates: Vec<RuleCandidate>,
    /// Legal holds that keep some of it while they stand. Only for who has `holds:read`.
    holds: Vec<ExplainedHold>,
}

fn candidates(candidates: Vec<meaning::Candidate>) -> Vec<RuleCandidate> {
    candidates
        .into_iter()
        .map(|candidate| RuleCandidate {
            rule: candidate.rule.into(),
            decides: candidate.decides,
            because: candidate.because,
        })
        .collect()
}

/// What is held of one kind: same endpoint, purpose, data types and channel pattern.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RetentionClass {
    id: String,
    endpoint_id: EndpointId,
    purpose_id: Option<PurposeId>,
    /// Slugs of what was found in it.
    data_types: Vec<String>,
    /// The channels it is limited to.
    channel_pattern: Option<String>,
    /// The rule that decides. Absent when no rule says that it is kept, or when rules for single channels decide.
    rule_id: Option<RetentionRuleId>,
    /// ISO 8601; the longest, where rules for single channels decide.
    duration: String,
    /// Messages that can be read.
    messages: i64,
    oldest_at: Option<DateTime<Utc>>,
    /// When the first of them expires.
    next_expiry_at: Option<DateTime<Utc>>,
    /// Messages that have expired and are not removed yet; nobody can read them.
    overdue: i64,
    /// For how many seconds the oldest of those has been expired.
    lag_seconds: f64,
    /// Messages that are gone but for what legal holds keep of them.
    held: u64,
    /// The newest balance, with its receipt: the last proof.
    balance: Option<Balance>,
}

/// What is held.
#[derive(Clone, Debug, Object)]
pub struct Retention {
    classes: Vec<RetentionClass>,
}

/// What the rules mean.
pub struct RetentionApi(pub State);

#[OpenApi(tag = "Tag::Retention")]
impl RetentionApi {
    /// Ask how long something is kept, and why.
    #[oai(
        path = "/retention-rules/explain",
        method = "post",
        operation_id = "explain_retention"
    )]
    async fn explain(&self, caller: Caller, body: Body<ExplainIn>) -> Result<Json<Explanation>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let asked = body.0.asked()?;
        let about_person = matches!(asked, Asked::Subject(_));
        let picture = pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let explained = retention::explain(&tx, &self.0.ctx, asked).await?;
        let may_see = caller.may(Permission::HoldsRead).is_ok();
        let holds = |holds: Vec<hold::Model>| {
            let seen = holds.into_iter().filter(|_| may_see);
            seen.map(|hold| ExplainedHold {
                id: hold.id,
                name: hold.name,
            })
            .collect()
        };
        Ok(Json(Explanation {
            rule: explained.rule.map(Rule::from),
            duration: explained.duration,
            reason: explained.reason,
            readable_until: explained.readable_until,
            candidates: candidates(explained.candidates),
            holds: holds(explained.holds),
            parts: about_person.then(|| {
                let slug = |id: &DataTypeId| picture.data_type_slug(*id).map(str::to_owned);
                let part = |part: meaning::Part| ExplainedPart {
                    endpoint_id: part.endpoint,
                    channel: part.channel,
                    purpose_id: part.purpose,
                    data_types: part.data_types.iter().filter_map(slug).collect(),
                    messages: part.messages,
                    rule: part.explanation.rule.map(Rule::from),
                    duration: part.explanation.duration,
                    reason: part.explanation.reason,
                    readable_until: part.explanation.readable_until,
                    candidates: candidates(part.explanation.candidates),
                    holds: holds(part.explanation.holds),
                };
                explained.parts.into_iter().map(part).collect()
            }),
        }))
    }

    /// See what is held, and until when.
    #[oai(path = "/retention", method = "get", operation_id = "read_retention")]
    async fn read(&self, caller: Caller) -> Result<Json<Retention>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let picture = pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let classes = retention::classes(&tx, &self.0.ctx).await?;
        let slug = |id: &DataTypeId| picture.data_type_slug(*id).map(str::to_owned);
        let out = |class: ClassSummary| RetentionClass {
            id: class.id.to_string(),
            endpoint_id: class.endpoint,
            purpose_id: class.purpose,
            data_types: class.data_types.iter().filter_map(slug).collect(),
            channel_pattern: class.channel_pattern,
            rule_id: class.rule,
            duration: class.duration,
            messages: class.messages,
            oldest_at: class.oldest_at,
            next_expiry_at: class.next_expiry_at,
            overdue: class.overdue,
            lag_seconds: class.lag.as_seconds_f64(),
            held: class.held,
            balance: class.balance.map(Balance::from),
        };
        Ok(Json(Retention {
            classes: classes.into_iter().map(out).collect(),
        }))
    }
}
