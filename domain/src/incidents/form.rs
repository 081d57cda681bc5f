//! The notification to the authority, filled in: everything that GDPR Art. 33(3) asks for, as data and as a page to print.

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{endpoint, incident, purpose};
use minijinja::UndefinedBehavior;
use serde_json::{Value, json};

use super::{Scope, due_at, endpoints_of, is_late};
use crate::{
    controllers::Controller, ctx::Ctx, deadlines, error::Result, printed, tenancy::TenantTx, tenants,
};

const TEMPLATE: &str = include_str!("form.html");

/// The form as it stands, for this phase. What is not known yet is null, and may follow (Art. 33(4)).
pub async fn form(tx: &TenantTx, ctx: &Ctx, incident: &incident::Model, phase: i32) -> Result<Value> {
    let tenant = tenants::read(tx).await?;
    let controller = Controller::of(&tenant)?;
    // What was counted over something else is not known, and may follow.
    let found = match Scope::last(incident)? {
        Some(found) if !found.is_stale(incident)? => Some(found),
        _ => None,
    };
    let (now, ended) = (ctx.now(), incident.ended_at);
    let late = is_late(incident, incident.notified_at.unwrap_or(now));
    let endpoints = tx.find::<endpoint::Entity>().all(tx.conn()).await?;
    let purposes = tx.find::<purpose::Entity>().all(tx.conn()).await?;
    let endpoint = |id| {
        let found = endpoints.iter().find(|endpoint| endpoint.id == id);
        found.map_or("removed since", |endpoint| endpoint.name.as_str())
    };
    let categories = found.as_ref().map(|found| {
        let one = |category: &super::Category| {
            let purpose = purposes
                .iter()
                .find(|purpose| Some(purpose.id) == category.purpose);
            json!({
                "endpoint": endpoint(category.endpoint),
                "purpose": purpose.map(|purpose| purpose.name.as_str()),
                "data_types": category.slugs,
                "persons": category.subjects,
                "records": category.records,
            })
        };
        found.categories.iter().map(one).collect::<Vec<_>>()
    });
    let places: Vec<_> = endpoints_of(incident)?.into_iter().map(endpoint).collect();
    Ok(json!({
        "form": "GDPR Art. 33(3)",
        "phase": phase,
        "kind": if phase == 1 { "initial" } else { "additional" },
        "reference": incident.id,
        "made_at": time(now),
        "controller": {
            "name": controller.name(&tenant),
            "address": controller.address,
            "country": controller.country,
            "representative": controller.representative,
            "phone": controller.phone,
        },
        "contact": {
            "name": controller.dpo_name,
            "email": controller.contact(&tenant),
            "phone": controller.dpo_phone,
        },
        "authority": controller.authority,
        "law": deadlines::profile_or_default(&tenant.jurisdiction).name,
        "clock": {
            "aware_at": time(incident.aware_at),
            "due_at": time(due_at(incident)),
            "notified_at": incident.notified_at.map(time),
            "late": late,
            "reasons_for_delay": incident.late_reason,
        },
        "breach": {
            "title": incident.title,
            "nature": incident.nature,
            "exposure": incident.exposure,
            "facts": incident.facts,
            "from": time(incident.started_at),
            "to": ended.map(time),
            "ongoing": ended.is_none(),
            "endpoints": places,
        },
        "data_subjects": found.as_ref().map(|found| json!({
            "approximate_number": found.subjects,
            "of_whom_unintelligible": found.unintelligible_subjects,
            "connected": found.connected_subjects,
        })),
        "records": found.as_ref().map(|found| json!({
            "approximate_number": found.records + found.unattributed_records,
            "about_nobody_in_particular": found.unattributed_records,
            "unintelligible": found.unintelligible_records(),
            "of_which_sealed": found.sealed_records,
            "of_which_keys_destroyed": found.shredded_records,
            "categories": categories,
        })),
        "scoped_at": incident.scoped_at.filter(|_| found.is_some()).map(time),
        "risk": incident.risk,
        "consequences": incident.effects,
        "measures": incident.measures,
        "security": "What is recorded is sealed under keys of persons and of slices of time that are kept apart from it \
                     (ChaCha20-Poly1305); who holds no keys reads nothing.",
        "subjects_told": incident.exemption.map_or_else(
            || json!({ "exempt": false }),
            |exemption| json!({ "exempt": true, "because": exemption, "provision": provision(exemption) }),
        ),
    }))
}

fn provision(exemption: incident::Exemption) -> &'static str {
    match exemption {
        incident::Exemption::Unintelligible => "Art. 34(3)(a)",
        incident::Exemption::RiskRemoved => "Art. 34(3)(b)",
        incident::Exemption::Disproportionate => "Art. 34(3)(c)",
    }
}

/// The form as a page to print: no scripts, nothing fetched from anywhere.
pub fn page(form: &Value) -> Result<String> {
    printed::page(TEMPLATE, UndefinedBehavior::Strict, form)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
