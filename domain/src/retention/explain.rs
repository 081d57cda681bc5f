//! Why something is kept as long as it is, in words.

use chrono::{DateTime, Utc};
use entity::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId},
    retention_rule,
};

use super::rules::{Case, Rule};
use crate::{
    ctx::Ctx,
    duration::Kept,
    error::{Error, Result},
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
}

/// Says which rule decides, and why.
pub async fn explain(tx: &TenantTx, ctx: &Ctx, asked: Asked) -> Result<Explanation> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let (endpoint, channel, purpose, data_types, recorded) = match asked {
        Asked::Message(id) => {
            let (message, class) = messages::find(tx, ctx, &picture, id).await?;
            let key = class.key.clone();
            (
                key.endpoint,
                message.channel.to_string(),
                key.purpose,
                key.data_types,
                Some(id),
            )
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
            (
                endpoint,
                channel.unwrap_or_else(|| "main".into()),
                purpose,
                data_types,
                None,
            )
        }
    };
    let case = Case {
        endpoint,
        purpose,
        data_types: &data_types,
    };
    let matching: Vec<_> = picture.rules.matching(case, &channel).collect();
    let kept = matching.first().map_or(Kept::Nothing, |rule| rule.kept);
    let rule = match matching.first() {
        Some(rule) => Some(row(tx, rule.id).await?),
        None => None,
    };
    Ok(Explanation {
        rule,
        duration: kept.to_string(),
        reason: reason(&matching),
        readable_until: recorded.map(|id| kept.until(id.at())),
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

async fn row(tx: &TenantTx, id: RetentionRuleId) -> Result<retention_rule::Model> {
    tx.get::<retention_rule::Entity, _>(id, "retention rule").await
}

/// The sentence.
fn reason(matching: &[&std::sync::Arc<Rule>]) -> String {
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
