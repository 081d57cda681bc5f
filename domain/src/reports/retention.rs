//! Whether processing keeps to the retention policy: what is stored is held against the cut-off of its rule, class by class,
//! and what was removed is proven by the leaves that say so.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use entity::{message, retention_rule};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::{Finding, Look, Section, Severity, proof, words::counted};
use crate::{
    duration::Kept,
    error::Result,
    ids::MessageId,
    pictures::{self, Picture},
    retention::ClassKey,
    tenancy::TenantTx,
};

/// Rows go within minutes; what is older than this is late.
const LATE: TimeDelta = TimeDelta::minutes(5);
/// Whoever keeps longer should know why.
const LONG: TimeDelta = TimeDelta::days(5 * 365);

/// The section, and the answer as yes or no.
pub(super) async fn section(look: &Look<'_>) -> Result<(Section, bool)> {
    let tx = look.tx;
    let picture = pictures::load(look.ctx, tx.scope()).await?;
    let removed = look.removed().await?;
    let mut findings = Vec::new();
    let mut classes: Vec<Value> = Vec::new();
    let mut adheres = true;
    for (id, class) in picture.classes() {
        let endpoint = picture
            .endpoint(class.key.endpoint)
            .map_or("removed", |endpoint| endpoint.row.slug.as_str());
        let oldest = oldest(tx, id, Condition::all()).await?;
        let late = late(look, &picture, &class.key, id).await?;
        let leaf = removed.iter().find(|one| one.class == id.to_string());
        if let Some(late) = late {
            adheres = false;
            findings.push(Finding {
                leaf: leaf.map(|leaf| leaf.newest),
                ..Finding::new(
                    "expired_rows_stored",
                    Severity::High,
                    id.to_string(),
                    format!(
                        "messages of “{endpoint}” that expired more than {} minutes ago are still stored, the oldest of {}; \
                         nobody can read them",
                        LATE.num_minutes(),
                        late.to_rfc3339_opts(SecondsFormat::Secs, true)
                    ),
                    "see that a worker runs, and what /metrics says of weir_retention_lag_seconds",
                )
            });
        }
        if oldest.is_some() || leaf.is_some() {
            classes.push(json!({
                "class": id.to_string(),
                "endpoint": endpoint,
                "oldest_stored_at": oldest,
                "adheres": late.is_none(),
                "removals": leaf.map_or(0, |leaf| leaf.leaves),
                "proof": leaf.map(|leaf| proof(leaf.newest)),
            }));
        }
    }
    let rules = tx.find::<retention_rule::Entity>().all(tx.conn()).await?;
    for rule in &rules {
        let long = rule
            .duration
            .parse::<Kept>()
            .is_ok_and(|kept| kept.approximate() > LONG);
        if long {
            findings.push(Finding::new(
                "kept_for_long",
                Severity::Low,
                rule.id.to_string(),
                format!("the rule “{}” keeps for {}", rule.name, rule.duration),
                "check that the purpose needs it for so long (Art. 5(1)(e))",
            ));
        }
    }
    let expired = look.events("messages.expired").await?;
    let connections = look.events("connections.expired").await?;
    let answer = if adheres {
        adherence(classes.len(), expired.count)
    } else {
        "No. Messages that have expired are still stored, though nobody can read them; see the findings."
            .to_owned()
    };
    let section = Section {
        key: "retention",
        question: "Is the processing in adherence with the retention policy?",
        answer,
        facts: json!({
            "rules": rules.len(),
            "classes": classes,
            "messages_expired": expired.json(),
            "connections_expired": connections.json(),
        }),
        findings,
    };
    Ok((section, adheres))
}

/// That the rules are kept to, in words.
fn adherence(kinds: usize, leaves: u64) -> String {
    let stored = match kinds {
        0 => "No messages are stored".to_owned(),
        1 => "The only kind of messages is stored for no longer than its rule allows".to_owned(),
        _ => format!("None of {kinds} kinds of messages is stored for longer than its rule allows"),
    };
    let removed = if leaves == 0 {
        "nothing was removed by rule in this time".to_owned()
    } else {
        let proven = counted(leaves, "leaf proves", "leaves prove");
        format!("{proven} what was removed")
    };
    format!("Yes. {stored}; {removed}.")
}

/// When the oldest message of a class was recorded.
async fn oldest(tx: &TenantTx, class: i64, such: Condition) -> Result<Option<DateTime<Utc>>> {
    let id: Option<i64> = tx
        .find::<message::Entity>()
        .select_only()
        .column(message::Column::Id)
        .filter(message::Column::ClassId.eq(class))
        .filter(such)
        .order_by_asc(message::Column::Id)
        .limit(1)
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(id.map(|id| MessageId(id).at()))
}

/// The oldest message of a class that should have been removed by now, if there is one. Rules that changed just now get
/// the same time.
async fn late(look: &Look<'_>, picture: &Picture, key: &ClassKey, id: i64) -> Result<Option<DateTime<Utc>>> {
    let by = look.ctx.now() - LATE;
    if picture.rules_since > by {
        return Ok(None);
    }
    let expired = picture.cut(key, by).expired(look.ctx.store.engine());
    let oldest = oldest(look.tx, id, expired).await?;
    Ok(oldest.filter(|at| *at < by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_a_sentence_whatever_there_is_to_count() {
        for (kinds, leaves, expected) in [
            (
                0,
                0,
                "Yes. No messages are stored; nothing was removed by rule in this time.",
            ),
            (
                1,
                1,
                "Yes. The only kind of messages is stored for no longer than its rule allows; 1 leaf proves what \
                 was removed.",
            ),
            (
                3,
                2,
                "Yes. None of 3 kinds of messages is stored for longer than its rule allows; 2 leaves prove what was removed.",
            ),
        ] {
            assert_eq!(adherence(kinds, leaves), expected);
        }
    }
}
