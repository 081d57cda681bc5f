//! Why something is kept as long as it is, in words: which rule decides, which ones lose, and why.

use chrono::{DateTime, Utc};
use entity::{
    hold,
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId, SubjectId},
    retention_rule,
};
use sea_orm::{ColumnTrait, QueryFilter};

use super::{
    ClassKey,
    rules::{Case, Rule, Rules},
};
use crate::{
    ctx::Ctx,
    duration::Kept,
    error::{Error, Result},
    holds,
    ids::MessageId,
    messages,
    pictures::{self, Picture},
    tenancy::TenantTx,
};

/// What is asked about.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A recorded message.
    Message(MessageId),
    /// Everything that is recorded about a person.
    Subject(SubjectId),
    /// A message as it could come.
    Case {
        /// On this endpoint.
        endpoint: EndpointId,
        /// On this channel; `main` when none is named.
        channel: Option<String>,
        /// For this purpose; the endpoint's when none is named.
        purpose: Option<PurposeId>,
        /// With these data types in it.
        data_types: Vec<DataTypeId>,
    },
}

/// How long, and why.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The rule that decides, if one does.
    pub rule: Option<retention_rule::Model>,
    /// ISO 8601.
    pub duration: String,
    /// A sentence or two.
    pub reason: String,
    /// For a recorded message: until then it can be read.
    pub readable_until: Option<DateTime<Utc>>,
    /// Every rule that matches, in the order in which they win.
    pub candidates: Vec<Candidate>,
    /// For a person: kind by kind.
    pub parts: Vec<Part>,
    /// Legal holds that keep it while they stand, whatever the rules say.
    pub holds: Vec<hold::Model>,
}

impl Explanation {
    /// A hold beats all.
    fn under(mut self, holds: Vec<hold::Model>) -> Self {
        if !holds.is_empty() {
            self.reason = format!(
                "A legal hold decides while it stands: it keeps this from being destroyed, whatever rules say. Without it: {}",
                self.reason
            );
        }
        self.holds = holds;
        self
    }
}

/// A rule that matches.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The rule.
    pub rule: retention_rule::Model,
    /// Whether it decides.
    pub decides: bool,
    /// Why it does, or does not.
    pub because: String,
}

/// What is recorded about a person, of one kind.
#[derive(Clone, Debug)]
pub struct Part {
    /// On this endpoint.
    pub endpoint: EndpointId,
    /// On this channel.
    pub channel: String,
    /// For this.
    pub purpose: Option<PurposeId>,
    /// With this in it.
    pub data_types: Vec<DataTypeId>,
    /// How many messages.
    pub messages: i64,
    /// How long, and why. `readable_until` is the end of the newest.
    pub explanation: Explanation,
}

/// Says which rule decides, and why.
pub async fn explain(tx: &TenantTx, ctx: &Ctx, asked: Asked) -> Result<Explanation> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut about = None;
    let (case, channel, recorded) = match asked {
        Asked::Subject(subject) => return of_subject(tx, ctx, &picture, subject).await,
        Asked::Message(id) => {
            let (message, class) = messages::find(tx, ctx, &picture, id).await?;
            let key = &class.key;
            about = message.subject;
            let case = (key.endpoint, key.purpose, key.data_types.clone());
            (case, message.channel.to_string(), Some(id))
        }
        Asked::Case {
            endpoint,
            channel,
            purpose,
            data_types,
        } => {
            let own = picture
                .endpoint(endpoint)
                .ok_or_else(|| Error::invalid("/endpoint_id", "unknown", "there is no such endpoint"))?;
            check(&picture, purpose, &data_types)?;
            let purpose = purpose.or(own.row.purpose_id);
            let channel = channel.unwrap_or_else(|| "main".into());
            ((endpoint, purpose, data_types), channel, None)
        }
    };
    let (endpoint, purpose, data_types) = case;
    let case = Case {
        endpoint,
        purpose,
        data_types: &data_types,
    };
    let explanation = said(tx, &picture.rules, case, &channel, recorded).await?;
    let at = recorded.map_or(ctx.now(), MessageId::at);
    let holds = holds::keeping(tx, ctx.now(), &key_of(case), &channel, about, (at, at)).await?;
    Ok(explanation.under(holds))
}

fn key_of(case: Case<'_>) -> ClassKey {
    ClassKey {
        endpoint: case.endpoint,
        purpose: case.purpose,
        data_types: case.data_types.to_vec(),
        pattern: None,
    }
}

async fn said(
    tx: &TenantTx,
    rules: &Rules,
    case: Case<'_>,
    channel: &str,
    recorded: Option<MessageId>,
) -> Result<Explanation> {
    let matching: Vec<_> = rules.matching(case, channel).collect();
    let minimums: Vec<_> = rules.minimums(case, channel).collect();
    let decision = rules.decide(case, channel);
    let kept = decision.kept();
    let mut told: Vec<(&Rule, bool, String)> = Vec::with_capacity(matching.len() + minimums.len());
    for minimum in &minimums {
        let decides = decision.minimum.is_some_and(|decides| decides.id == minimum.id);
        let because = if decides {
            match decision.deletion {
                Some(deletion) => format!(
                    "It is a legal minimum and lasts longer than “{}”: until it ends, nothing is deleted.",
                    deletion.name
                ),
                None => "It is a legal minimum, and no rule says that more is kept.".to_owned(),
            }
        } else if let Some(longer) = decision.minimum {
            format!("The legal minimum “{}” lasts longer.", longer.name)
        } else {
            "The rule that deletes keeps at least as long.".to_owned()
        };
        told.push((minimum, decides, because));
    }
    for (place, rule) in matching.iter().enumerate() {
        let decides = place == 0 && decision.minimum.is_none();
        let because = match (decides, decision.minimum) {
            (true, _) => format!("It names {}.", names(rule)),
            (false, Some(minimum)) if place == 0 => {
                format!("The legal minimum “{}” beats it while it lasts.", minimum.name)
            }
            _ => loses(rule, matching[0]),
        };
        told.push((rule, decides, because));
    }
    let ids = told.iter().map(|(rule, ..)| rule.id);
    let rows = tx
        .find::<retention_rule::Entity>()
        .filter(retention_rule::Column::Id.is_in(ids))
        .all(tx.conn())
        .await?;
    let row = |id: RetentionRuleId| rows.iter().find(|row| row.id == id).cloned();
    Ok(Explanation {
        rule: decision.rule().and_then(|rule| row(rule.id)),
        duration: kept.to_string(),
        reason: reason(decision.minimum.map(|rule| &**rule), &matching),
        readable_until: recorded.map(|id| kept.until(id.at())),
        candidates: told
            .into_iter()
            .filter_map(|(rule, decides, because)| {
                Some(Candidate {
                    rule: row(rule.id)?,
                    decides,
                    because,
                })
            })
            .collect(),
        parts: Vec::new(),
        holds: Vec::new(),
    })
}

/// Everything that is recorded about a person, kind by kind.
async fn of_subject(tx: &TenantTx, ctx: &Ctx, picture: &Picture, subject: SubjectId) -> Result<Explanation> {
    tx.get::<entity::subject::Entity, _>(subject, "subject").await?;
    let mut parts = Vec::new();
    let mut longest = Kept::Nothing;
    let mut last = None;
    for held in messages::held_by_channel(tx, ctx, subject).await? {
        let case = Case {
            endpoint: held.endpoint,
            purpose: held.purpose,
            data_types: &held.data_types,
        };
        let mut explanation = said(tx, &picture.rules, case, &held.channel, None).await?;
        explanation.readable_until = Some(held.last_expiry_at);
        let between = (held.oldest_at, held.newest_at);
        let key = key_of(case);
        let holds = holds::keeping(tx, ctx.now(), &key, &held.channel, Some(subject), between).await?;
        explanation = explanation.under(holds);
        last = last.max(explanation.readable_until);
        let kept = picture.rules.decide(case, &held.channel).kept();
        if kept.approximate() > longest.approximate() {
            longest = kept;
        }
        parts.push(Part {
            endpoint: held.endpoint,
            channel: held.channel,
            purpose: held.purpose,
            data_types: held.data_types,
            messages: held.messages,
            explanation,
        });
    }
    let reason = match parts.len() {
        0 => "No message about this person can be read.".to_owned(),
        kinds => {
            let messages: i64 = parts.iter().map(|part| part.messages).sum();
            format!(
                "{messages} messages of {kinds} kinds: each kind has a rule that decides. Erasing the person beats them all, but for a hold."
            )
        }
    };
    Ok(Explanation {
        rule: None,
        duration: longest.to_string(),
        reason,
        readable_until: last,
        candidates: Vec::new(),
        parts,
        holds: Vec::new(),
    })
}

fn check(picture: &Picture, purpose: Option<PurposeId>, data_types: &[DataTypeId]) -> Result<()> {
    let mut faults = crate::error::Faults::default();
    faults.check(
        purpose.is_none_or(|purpose| picture.purpose(purpose).is_some()),
        "/purpose_id",
        "unknown",
        "there is no such purpose",
    );
    for (index, id) in data_types.iter().enumerate() {
        faults.check(
            picture.data_type_slug(*id).is_some(),
            format!("/data_type_ids/{index}"),
            "unknown",
            "there is no such data type",
        );
    }
    faults.finish()
}

/// Why a rule that deletes does not decide.
fn loses(rule: &Rule, winner: &Rule) -> String {
    if rule.explicitness() < winner.explicitness() {
        format!("“{}” is more explicit: it names {}.", winner.name, names(winner))
    } else if rule.kept.approximate() > winner.kept.approximate() {
        format!("“{}” is as explicit and shorter.", winner.name)
    } else {
        format!("“{}” is as explicit and says the same.", winner.name)
    }
}

/// The sentence.
fn reason(minimum: Option<&Rule>, matching: &[&std::sync::Arc<Rule>]) -> String {
    if let Some(minimum) = minimum {
        let beaten = match matching.first() {
            Some(deletion) => format!(
                "It lasts longer than “{}”, which would delete earlier.",
                deletion.name
            ),
            None => "No other rule says that anything is kept.".to_owned(),
        };
        return format!(
            "The legal minimum “{}” decides: it names {}. {beaten}",
            minimum.name,
            names(minimum)
        );
    }
    let Some((winner, others)) = matching.split_first() else {
        return "No rule says that this is kept, so it is never recorded.".into();
    };
    let named = names(winner);
    let mut reason = format!("The rule “{}” decides: it names {named}.", winner.name);
    if let Some(next) = others.first() {
        let why = if next.explicitness() < winner.explicitness() {
            format!(
                "It is more explicit than “{}”, which names {}.",
                next.name,
                names(next)
            )
        } else if next.kept.approximate() > winner.kept.approximate() {
            format!(
                "“{}” is as explicit, and keeps longer: the shorter one wins.",
                next.name
            )
        } else {
            format!("“{}” is as explicit and says the same.", next.name)
        };
        reason.push(' ');
        reason.push_str(&why);
    }
    if winner.kept == Kept::Nothing {
        reason.push_str(" It says that nothing is recorded.");
    }
    reason
}

fn names(rule: &Rule) -> String {
    let named: Vec<&str> = [
        (rule.endpoint.is_some(), "the endpoint"),
        (rule.channel.is_some(), "the channel"),
        (rule.data_type.is_some(), "a data type"),
        (rule.purpose.is_some(), "the purpose"),
    ]
    .into_iter()
    .filter_map(|(is, name)| is.then_some(name))
    .collect();
    match named.split_last() {
        None => "nothing in particular, so it holds in general".into(),
        Some((only, [])) => (*only).into(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
