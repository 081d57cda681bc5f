//! What data are used for: consents, withdrawals and what followed, who opened messages.

use serde_json::json;

use super::{Finding, Look, Section, Severity, words::counted};
use crate::error::Result;

pub(super) async fn section(look: &Look<'_>) -> Result<Section> {
    let given = look.events("consent.given").await?;
    let renewed = look.events("consent.renewed").await?;
    let withdrawn = look.events("consent.withdrawn").await?;
    let expired = look.events("consent.expired").await?;
    let destroyed = look.events("consent.key_destroyed").await?;
    let erased = look.events("consent.data_erased").await?;
    let unsealed = look.events("messages.unsealed").await?;
    let times = counted(unsealed.count, "time", "times");
    let mut findings = Vec::new();
    if unsealed.count > 0 {
        findings.push(Finding {
            leaf: unsealed.last,
            ..Finding::new(
                "messages_unsealed",
                Severity::Low,
                "messages",
                format!("members opened messages {times}"),
                "see who did, and why, in the audit log: kind messages.unsealed",
            )
        });
    }
    let answer = format!(
        "Nothing passes for a purpose that waits for consent unless it was given: {} given or renewed, {} withdrawn, {}. \
         Members opened messages {times}.",
        counted(given.count + renewed.count, "consent was", "consents were"),
        withdrawn.count,
        counted(expired.count, "ended by itself", "ended by themselves")
    );
    Ok(Section {
        key: "use",
        question: "Are data used only for what they were collected for?",
        answer,
        facts: json!({
            "consents_given": given.json(),
            "consents_renewed": renewed.json(),
            "consents_withdrawn": withdrawn.json(),
            "consents_expired": expired.json(),
            "keys_destroyed_after_consent_ended": destroyed.json(),
            "data_erased_after_consent_ended": erased.json(),
            "messages_unsealed": unsealed.json(),
        }),
        findings,
    })
}
