//! What protects the data: sealing, access, the log, incidents, assessments.

use entity::{
    api_key, dpia, endpoint,
    incident::{self, IncidentState, Risk},
    log_head,
    member::{self, Role},
};
use sea_orm::{ColumnTrait, QueryFilter};
use serde_json::json;

use super::{Finding, Look, Section, Severity, proof, words::counted};
use crate::{dpias, error::Result, incidents};

/// What Weir does for everybody (Art. 32(1)).
pub(crate) const MEASURES: [&str; 6] = [
    "Every message is sealed (ChaCha20-Poly1305) under a key of its person and purpose and a key of its slice of time.",
    "Keys are stored apart from the data and are in no backup of them; destroying one reaches every copy.",
    "Addresses and the tenant's own ids are sealed, and found by keyed hashes.",
    "Access is by role and scope; every opening of a message is written down.",
    "Every act that matters is a leaf of a transparency log that anybody can check (RFC 6962, C2SP).",
    "Expired data are unreadable at their instant, on every path.",
];

pub(super) async fn section(look: &Look<'_>) -> Result<Section> {
    let tx = look.tx;
    let members = tx.find::<member::Entity>().all(tx.conn()).await?;
    let keys = tx.find::<api_key::Entity>().all(tx.conn()).await?;
    let head = tx.find::<log_head::Entity>().one(tx.conn()).await?;
    let incidents = tx
        .find::<incident::Entity>()
        .filter(incident::Column::State.ne(IncidentState::Closed))
        .all(tx.conn())
        .await?;
    let mut findings = Vec::new();
    for incident in &incidents {
        let overdue = incident.notified_at.is_none()
            && incident.risk != Risk::Unlikely
            && incidents::is_late(incident, look.ctx.now());
        let (code, severity, detail) = if overdue {
            (
                "incident_late",
                Severity::High,
                "the authority has not been told within 72 hours",
            )
        } else {
            ("incident_open", Severity::Medium, "the incident is not closed")
        };
        findings.push(Finding::new(
            code,
            severity,
            incident.id.to_string(),
            format!("“{}”: {detail}", incident.title),
            "go on with it in the register of incidents (Art. 33)",
        ));
    }
    for endpoint in tx.find::<endpoint::Entity>().all(tx.conn()).await? {
        let assessed = dpias::of_endpoint(tx, endpoint.id).await?;
        if assessed.advised && !assessed.required && assessed.dpia_id.is_none() {
            findings.push(Finding::new(
                "assessment_advised",
                Severity::Medium,
                &endpoint.slug,
                format!(
                    "“{}” is for special categories of data, and nobody has assessed the impact",
                    endpoint.slug
                ),
                "assess it where that is on a large scale, and name the assessment on the endpoint (Art. 35(3)(b))",
            ));
        }
        if assessed.closed {
            findings.push(Finding::new(
                "assessment_missing",
                Severity::Medium,
                &endpoint.slug,
                format!(
                    "“{}” needs an impact assessment and is closed until then",
                    endpoint.slug
                ),
                "assess the impact, and name the assessment on the endpoint (Art. 35)",
            ));
        }
    }
    let due = dpia::Column::ReviewAt.lte(look.ctx.now());
    for dpia in tx.find::<dpia::Entity>().filter(due).all(tx.conn()).await? {
        findings.push(Finding::new(
            "assessment_review_due",
            Severity::Medium,
            dpia.id.to_string(),
            format!("the assessment “{}” was to be looked at again by now", dpia.title),
            "review it, and say when to look again (Art. 35(11))",
        ));
    }
    if !members.iter().any(|member| member.role == Role::Dpo) {
        findings.push(Finding::new(
            "no_privacy_officer",
            Severity::Low,
            "members",
            "nobody has the role of the privacy officer",
            "invite one with the role dpo, if you have to have one (Art. 37)",
        ));
    }
    let unsigned = head.as_ref().map_or(0, |head| head.size - head.checkpoint_size);
    let answer = format!(
        "Everything that is recorded is sealed under keys that are kept apart from it. {} and {} have access. The log has {}.",
        counted(members.len(), "member", "members"),
        counted(keys.len(), "API key", "API keys"),
        counted(head.as_ref().map_or(0, |head| head.size), "entry", "entries")
    );
    Ok(Section {
        key: "security",
        question: "What protects the data?",
        answer,
        facts: json!({
            "measures": MEASURES,
            "members": members.len(),
            "api_keys": keys.len(),
            "incidents_open": incidents.len(),
            "log_size": head.as_ref().map(|head| head.size),
            "log_entries_not_yet_signed": unsigned,
            "last_leaf": head.as_ref().filter(|head| head.size > 0).map(|head| proof(head.size - 1)),
        }),
        findings,
    })
}
