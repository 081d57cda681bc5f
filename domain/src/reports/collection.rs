//! What is collected, what for, and on which basis.

use entity::{
    data_type, endpoint, notice,
    purpose::{self, LawfulBasis},
};
use serde_json::json;

use super::{Finding, Look, Section, Severity, words::counted};
use crate::{error::Result, notices};

pub(super) async fn section(look: &Look<'_>) -> Result<Section> {
    let tx = look.tx;
    let endpoints = tx.find::<endpoint::Entity>().all(tx.conn()).await?;
    let purposes = tx.find::<purpose::Entity>().all(tx.conn()).await?;
    let notices = tx.find::<notice::Entity>().all(tx.conn()).await?;
    let data_types = tx.find::<data_type::Entity>().all(tx.conn()).await?;
    let mut findings = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.purpose_id.is_none()) {
        findings.push(Finding::new(
            "endpoint_without_purpose",
            Severity::Medium,
            &endpoint.slug,
            format!(
                "messages on the endpoint “{}” are processed for no purpose that is declared",
                endpoint.slug
            ),
            "name the endpoint's purpose (Art. 5(1)(b))",
        ));
    }
    for purpose in &purposes {
        let explained = notices
            .iter()
            .any(|notice| notice.latest_number > 0 && notices::purposes_of(notice).contains(&purpose.id));
        if purpose.lawful_basis == LawfulBasis::Consent && !explained {
            findings.push(Finding::new(
                "consent_without_notice",
                Severity::Medium,
                &purpose.slug,
                format!(
                    "no published notice explains what consent to “{}” means",
                    purpose.slug
                ),
                "publish a notice that names the purpose (Art. 4(11), 13)",
            ));
        }
        if purpose.description.is_none() {
            findings.push(Finding::new(
                "purpose_without_description",
                Severity::Low,
                &purpose.slug,
                format!("people are not told what “{}” is", purpose.slug),
                "describe the purpose in words that people understand (Art. 12(1))",
            ));
        }
        if purpose.lawful_basis == LawfulBasis::LegitimateInterests && purpose.balancing_note.is_none() {
            findings.push(Finding::new(
                "interests_not_weighed",
                Severity::High,
                &purpose.slug,
                format!(
                    "“{}” rests on legitimate interests, and nobody weighed them",
                    purpose.slug
                ),
                "write down why the interests of the persons do not override (Art. 6(1)(f))",
            ));
        }
    }
    let personal = data_types.iter().filter(|data_type| data_type.personal).count();
    let minimised = data_types
        .iter()
        .filter(|data_type| data_type.personal && data_type.minimise["strategy"] != "none")
        .count();
    let answer = format!(
        "{} for {}; {}, {} before anything is stored or delivered.",
        counted(endpoints.len(), "endpoint", "endpoints"),
        counted(purposes.len(), "purpose", "purposes"),
        counted(
            personal,
            "kind of personal data is declared",
            "kinds of personal data are declared"
        ),
        counted(minimised, "of them is minimised", "of them are minimised")
    );
    Ok(Section {
        key: "collection",
        question: "What is collected, what for, and on which basis?",
        answer,
        facts: json!({
            "endpoints": endpoints.len(),
            "purposes": purposes.iter().map(|purpose| json!({
                "slug": purpose.slug, "lawful_basis": purpose.lawful_basis, "special_basis": purpose.special_basis,
            })).collect::<Vec<_>>(),
            "personal_data_types": personal,
            "minimised": minimised,
        }),
        findings,
    })
}
