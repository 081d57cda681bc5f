//! `README.html`: the part that a person reads. One file, no scripts, nothing fetched from anywhere.

use std::collections::BTreeSet;

use minijinja::UndefinedBehavior;
use serde_json::{Value, json};

use super::{contents::About, tables::time, words};
use crate::{Result, deadlines, printed};

const TEMPLATE: &str = include_str!("page.html");

/// Renders the page.
pub(super) fn render(about: &About) -> Result<String> {
    printed::page(TEMPLATE, UndefinedBehavior::Strict, values(about))
}

fn values(about: &About) -> Value {
    let person = about.person.as_ref().map(|person| {
        json!({
            "external_id": person.external_id,
            "email": person.email,
            "created_at": minute(person.row.created_at),
            "last_seen_at": person.row.last_seen_at.map(minute),
            "restricted": person.row.restricted_at.is_some(),
        })
    });
    let held: Vec<Value> = about
        .held
        .iter()
        .map(|held| {
            json!({
                "purpose": held.purpose.as_ref().map(|purpose| purpose.name.clone()),
                "endpoint": held.endpoint.name,
                "data_types": held.data_types,
                "messages": held.messages,
                "oldest": minute(held.oldest_at),
                "newest": minute(held.newest_at),
                "kept": held.duration,
                "first_expires": minute(held.next_expiry_at),
                "last_expires": minute(held.last_expiry_at),
            })
        })
        .collect();
    let consents: Vec<Value> = about
        .current
        .iter()
        .map(|current| {
            json!({
                "purpose": current.purpose.name,
                "state": current.state.as_str(),
                "since": minute(current.since),
                "valid": current.valid,
            })
        })
        .collect();
    let corrections: Vec<Value> = about
        .corrections
        .iter()
        .map(|(row, corrected)| {
            json!({
                "field": row.field,
                "was": corrected.was,
                "is": corrected.is,
                "at": minute(row.at),
            })
        })
        .collect();
    let categories: BTreeSet<&str> = about
        .held
        .iter()
        .flat_map(|held| held.data_types.iter().map(String::as_str))
        .collect();
    let tag = about.request.language.as_ref().unwrap_or(&about.tenant.language);
    let (language, words) = words::of(tag);
    // What other laws say of complaints there is in one language.
    let is_gdpr = about.profile.key == deadlines::DEFAULT;
    json!({
        "language": language,
        "w": words,
        "made_at": minute(about.at),
        "tenant": { "name": about.tenant.name, "contact": about.tenant.contact_email },
        "request": {
            "id": about.request.id.to_string(),
            "received_at": minute(about.request.received_at),
        },
        "portable": about.portable(),
        "corrections": corrections,
        "complaint": (!is_gdpr).then_some(&about.profile.complaint),
        "person": person,
        "held": held,
        "consents": consents,
        "connections": about.connections,
        "events": about.consents.len(),
        "categories": categories.into_iter().collect::<Vec<_>>(),
        "purposes": purposes(about),
        "recipients": recipients(about),
    })
}

/// What the person's data are processed for: purposes of what is held and of what was said yes or no to.
fn purposes(about: &About) -> Vec<Value> {
    let mut ids: Vec<_> = about
        .held
        .iter()
        .filter_map(|held| held.purpose.as_ref().map(|purpose| purpose.id))
        .chain(about.current.iter().map(|current| current.purpose.id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids.iter()
        .filter_map(|id| about.purposes.get(id))
        .map(|purpose| {
            json!({
                "name": purpose.name,
                "description": purpose.description,
                "basis": purpose.lawful_basis.as_str(),
            })
        })
        .collect()
}

/// Who actually got what passed.
fn recipients(about: &About) -> Vec<Value> {
    about
        .recipients
        .iter()
        .map(|one| {
            json!({
                "endpoint": one.endpoint,
                "kind": one.kind,
                "host": one.host,
                "deliveries": one.deliveries,
            })
        })
        .collect()
}

/// To the minute, UTC.
fn minute(at: chrono::DateTime<chrono::Utc>) -> String {
    let text = time(at);
    format!("{} {} UTC", &text[..10], &text[11..16])
}
