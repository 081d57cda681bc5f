//! Records of processing activities (GDPR Art. 30): of the tenant as the controller, (1) a to g, and of whoever runs Weir as
//! its processor, (2) a to d. Nothing is filled in by hand: it is what is declared and what is enforced.

use std::collections::BTreeSet;

use entity::{data_type, dpia, endpoint, purpose, retention_rule, webhook};
use minijinja::UndefinedBehavior;
use sea_orm::QueryOrder;
use serde_json::{Value, json};

use crate::{
    controllers::Controller,
    ctx::Ctx,
    duration::Kept,
    error::{Error, Result},
    pictures, printed,
    reports::MEASURES,
    retention::Case,
    rights,
    tenancy::TenantTx,
    tenants,
};

const TEMPLATE: &str = include_str!("processing_records/page.html");
const NOT_DECLARED: &str = "not declared";

/// The record of the tenant as the controller (Art. 30(1)).
pub async fn of_controller(tx: &TenantTx, ctx: &Ctx) -> Result<Value> {
    let tenant = tenants::read(tx).await?;
    let said = Controller::of(&tenant)?;
    let picture = pictures::load(ctx, tx.scope()).await?;
    let purposes = tx
        .find::<purpose::Entity>()
        .order_by_asc(purpose::Column::Slug)
        .all(tx.conn())
        .await?;
    let endpoints = tx.find::<endpoint::Entity>().all(tx.conn()).await?;
    let webhooks = tx.find::<webhook::Entity>().all(tx.conn()).await?;
    let dpias = tx.find::<dpia::Entity>().all(tx.conn()).await?;
    let data_types = tx.find::<data_type::Entity>().all(tx.conn()).await?;
    let rules = tx.find::<retention_rule::Entity>().all(tx.conn()).await?;
    let mut activities = Vec::new();
    for purpose in &purposes {
        let theirs: Vec<_> = endpoints
            .iter()
            .filter(|endpoint| endpoint.purpose_id == Some(purpose.id))
            .collect();
        let found: BTreeSet<&str> = picture
            .classes()
            .iter()
            .filter(|(_, class)| class.key.purpose == Some(purpose.id))
            .flat_map(|(_, class)| class.key.data_types.clone())
            .filter_map(|id| data_types.iter().find(|data_type| data_type.id == id))
            .map(|data_type| data_type.name.as_str())
            .collect();
        let kept: BTreeSet<String> = theirs
            .iter()
            .map(|endpoint| {
                let case = Case {
                    endpoint: endpoint.id,
                    purpose: Some(purpose.id),
                    data_types: &[],
                };
                let rule = picture.rules.winner(case, "main");
                rule.map_or_else(|| Kept::Nothing.to_string(), |rule| rule.kept.to_string())
            })
            .collect();
        let upstreams = theirs
            .iter()
            .filter_map(|endpoint| endpoint.upstream_url.as_deref());
        let hooks = webhooks
            .iter()
            .filter(|hook| theirs.iter().any(|endpoint| endpoint.id == hook.endpoint_id))
            .filter_map(|hook| hook.url.as_deref());
        let recipients: BTreeSet<String> = upstreams
            .chain(hooks)
            .filter_map(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned))
            .collect();
        let assessed = theirs
            .iter()
            .filter_map(|endpoint| dpias.iter().find(|dpia| endpoint.dpia_id == Some(dpia.id)))
            .map(|dpia| dpia.title.as_str())
            .collect::<BTreeSet<_>>();
        activities.push(json!({
            "activity": purpose.name,
            "purpose": purpose.description.as_deref().unwrap_or(&purpose.name),
            "lawful_basis": purpose.lawful_basis,
            "lawful_basis_dpv": rights::dpv(purpose.lawful_basis),
            "special_basis": purpose.special_basis,
            "balancing_note": purpose.balancing_note,
            "data_subjects": ["end-users of the endpoints", "persons whom messages are about"],
            "personal_data": if found.is_empty() { json!(["what the messages say"]) } else { json!(found) },
            "recipients": recipients,
            "transfers": said.transfers.as_deref().unwrap_or(NOT_DECLARED),
            "time_limits": kept,
            "endpoints": theirs.iter().map(|endpoint| endpoint.slug.as_str()).collect::<Vec<_>>(),
            "assessments": assessed,
        }));
    }
    let without: Vec<_> = endpoints
        .iter()
        .filter(|endpoint| endpoint.purpose_id.is_none())
        .map(|endpoint| endpoint.slug.as_str())
        .collect();
    if !without.is_empty() {
        activities.push(json!({
            "activity": NOT_DECLARED,
            "purpose": NOT_DECLARED,
            "personal_data": ["what the messages say"],
            "transfers": said.transfers.as_deref().unwrap_or(NOT_DECLARED),
            "endpoints": without,
        }));
    }
    Ok(json!({
        "record": "GDPR Art. 30(1)",
        "role": "controller",
        "made_at": ctx.now(),
        "controller": party(&tenant, &said),
        "contact": { "name": said.dpo_name, "email": said.contact(&tenant), "phone": said.dpo_phone },
        "activities": activities,
        "retention_rules": rules.iter().map(|rule| json!({
            "name": rule.name, "target": rule.target, "duration": rule.duration, "action": rule.action,
        })).collect::<Vec<_>>(),
        "security_measures": measures(&said),
    }))
}

/// The record of whoever runs Weir, as the tenant's processor (Art. 30(2)).
pub async fn of_processor(tx: &TenantTx, ctx: &Ctx) -> Result<Value> {
    let tenant = tenants::read(tx).await?;
    let said = Controller::of(&tenant)?;
    let categories = [
        "transmitting messages over WebSockets",
        "recording and sealing messages",
        "erasing by rule, by request and when consent ends",
        "answering requests of data subjects on the controller's behalf",
        "recording consents",
    ];
    Ok(json!({
        "record": "GDPR Art. 30(2)",
        "role": "processor",
        "made_at": ctx.now(),
        "processor": { "name": ctx.settings.public_url.host_str().unwrap_or("weir"), "url": ctx.settings.public_url },
        "controller": party(&tenant, &said),
        "contact": { "name": said.dpo_name, "email": said.contact(&tenant), "phone": said.dpo_phone },
        "activities": categories.map(|category| json!({
            "activity": category,
            "personal_data": ["what the messages say", "addresses", "the controller's ids", "times of connections"],
            "transfers": said.transfers.as_deref().unwrap_or(NOT_DECLARED),
        })),
        "retention_rules": [],
        "security_measures": measures(&said),
    }))
}

fn party(tenant: &entity::tenant::Model, said: &Controller) -> Value {
    json!({
        "name": said.name(tenant),
        "address": said.address.as_deref().unwrap_or(NOT_DECLARED),
        "country": said.country.as_deref().unwrap_or(NOT_DECLARED),
        "representative": said.representative,
        "contact": said.contact(tenant).unwrap_or(NOT_DECLARED),
    })
}

fn measures(said: &Controller) -> Vec<&str> {
    let more = said.security_measures.iter().map(String::as_str);
    MEASURES.iter().copied().chain(more).collect()
}

/// A row per activity.
pub fn csv(record: &Value) -> Result<String> {
    const COLUMNS: [&str; 12] = [
        "activity",
        "purpose",
        "lawful_basis",
        "special_basis",
        "data_subjects",
        "personal_data",
        "recipients",
        "transfers",
        "time_limits",
        "endpoints",
        "assessments",
        "controller",
    ];
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(Error::internal)?;
    for activity in record["activities"].as_array().into_iter().flatten() {
        let cells = COLUMNS.map(|column| match column {
            "controller" => cell(&record["controller"]["name"]),
            column => cell(&activity[column]),
        });
        writer.write_record(cells).map_err(Error::internal)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Error::internal(error.into_error()))?;
    String::from_utf8(bytes).map_err(Error::internal)
}

/// Nothing that a spreadsheet would take for a formula.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text
    }
}

/// The record as a page to print.
pub fn page(record: &Value) -> Result<String> {
    printed::page(TEMPLATE, UndefinedBehavior::Lenient, record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (value, text) in [
            (json!(null), ""),
            (json!("=1+1"), "'=1+1"),
            (json!(["a", "b"]), "a; b"),
            (json!("plain"), "plain"),
        ] {
            assert_eq!(cell(&value), text);
        }
    }
}
