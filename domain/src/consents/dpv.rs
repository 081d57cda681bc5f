//! Consent records and receipts for others to read: the fields of ISO/IEC TS 27560:2023, as JSON-LD in the words of the
//! Data Privacy Vocabulary (W3C DPVCG, "Consent Records and Receipts using DPV", profile for the EU GDPR).
//!
//! A record is about one person and one purpose, and holds every event between them. A receipt is the copy of it that the
//! person keeps, with a tlog-proof of the event's leaf: that one is signed, and can be checked without us.

mod context;

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{
    consent_event::{self, ConsentState},
    data_type, endpoint,
    id::{ConsentEventId, PurposeId, SubjectId},
    notice_version,
    purpose::{self, LawfulBasis, SpecialBasis},
    tenant, webhook,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    controllers::Controller,
    ctx::Ctx,
    deadlines,
    duration::Kept,
    error::Result,
    log, pictures,
    retention::Case,
    rights,
    tenancy::{TenantScope, TenantTx},
    tenants,
};

/// A document in JSON-LD.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

/// The profile that a record conforms to.
const RECORD_PROFILE: &str = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr";
/// The profile that a receipt conforms to.
const RECEIPT_PROFILE: &str = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr";
/// What is not said is said so.
const NOT_DECLARED: &str = "not declared";
/// Events in one record; older ones are in the list of consents.
const MAX_EVENTS: u64 = 500;

/// The record that an event belongs to.
pub async fn dpv_record(ctx: &Ctx, scope: &TenantScope, id: ConsentEventId) -> Result<Document> {
    let tx = ctx.store.read(scope).await?;
    let event = super::read(&tx, id).await?;
    Ok(Document(Facts::read(&tx, ctx, &event).await?.record()))
}

/// The receipt of an event: a copy of the record, and the proof of the event's leaf.
pub async fn dpv_receipt(ctx: &Ctx, scope: &TenantScope, id: ConsentEventId) -> Result<Document> {
    let tx = ctx.store.read(scope).await?;
    let event = super::read(&tx, id).await?;
    let facts = Facts::read(&tx, ctx, &event).await?;
    drop(tx);
    let proof = log::receipt(ctx, scope, event.audit_index).await?;
    let mut record = facts.record();
    let context = record["@context"].take();
    if let Some(record) = record.as_object_mut() {
        record.remove("@context");
    }
    Ok(Document(json!({
        "@context": context,
        "@id": urn(shaped(event.id.0)),
        "@type": "dpv:ConsentReceipt",
        "schema_version": RECEIPT_PROFILE,
        "receipt_id": shaped(event.id.0),
        "issued": time(ctx.now()),
        "record": record,
        "proof": {
            "@type": "weir:TlogProof",
            "proof_format": "https://c2sp.org/tlog-proof@v1",
            "leaf_index": event.audit_index,
            "proof_value": proof,
        },
    })))
}

/// What a record is made of.
struct Facts {
    tenant: tenant::Model,
    controller: Controller,
    public_url: String,
    purpose: purpose::Model,
    subject: SubjectId,
    /// Oldest first.
    events: Vec<consent_event::Model>,
    words: Option<notice_version::Model>,
    data_types: Vec<data_type::Model>,
    kept: Vec<String>,
    recipients: Vec<String>,
}

impl Facts {
    async fn read(tx: &TenantTx, ctx: &Ctx, event: &consent_event::Model) -> Result<Self> {
        use consent_event::Column;
        let tenant = tenants::read(tx).await?;
        let mut events = tx
            .find::<consent_event::Entity>()
            .filter(Column::SubjectId.eq(event.subject_id))
            .filter(Column::PurposeId.eq(event.purpose_id))
            .order_by_desc(Column::Id)
            .limit(MAX_EVENTS)
            .all(tx.conn())
            .await?;
        events.sort_by_key(|event| (event.at, event.id));
        let words = events.iter().rev().find_map(|event| event.notice_version_id);
        let words = match words {
            Some(id) => {
                tx.find_by_id::<notice_version::Entity, _>(id)
                    .one(tx.conn())
                    .await?
            }
            None => None,
        };
        let data_types = tx
            .find::<data_type::Entity>()
            .filter(data_type::Column::Personal.eq(true))
            .order_by_asc(data_type::Column::Slug)
            .all(tx.conn())
            .await?;
        Ok(Self {
            controller: Controller::of(&tenant)?,
            tenant,
            public_url: ctx.settings.base().to_owned(),
            purpose: crate::purposes::read(tx, event.purpose_id).await?,
            subject: event.subject_id,
            words,
            data_types,
            kept: kept(tx, ctx, event.purpose_id).await?,
            recipients: recipients(tx, event.purpose_id).await?,
            events,
        })
    }

    fn record(&self) -> Value {
        let rights = rights::of(self.purpose.lawful_basis);
        let controller = urn(self.tenant.id.0);
        let id = self.record_id();
        let authority = self.controller.authority.as_deref();
        json!({
            "@context": context::context(),
            "@id": urn(id),
            "@type": "dpv:ConsentRecord",
            "schema_version": RECORD_PROFILE,
            "record_id": id,
            "pii_principal_id": urn(self.subject.0),
            "privacy_notice": self.notice(),
            "language": self.language(),
            "purpose": {
                "@id": urn(self.purpose.id.0),
                "@type": "dpv:Purpose",
                "name": self.purpose.name,
                "description": self.purpose.description.as_deref().unwrap_or(&self.purpose.name),
            },
            "lawful_basis": self.bases(),
            "pii_information": self.data(),
            "pii_controllers": [controller],
            "collection_method": "dpv:Collect",
            "processing_method": ["dpv:Collect", "dpv:Store", "dpv:Transmit", "dpv:Erase"],
            "storage_locations": self.locations(),
            "processing_locations": self.locations(),
            "geographic_restrictions": self.controller.transfers.as_deref().unwrap_or(NOT_DECLARED),
            "retention_period": self.kept,
            "jurisdiction": self.jurisdiction(),
            "recipient_third_parties": self.recipients,
            "withdrawal_method": format!("{}/privacy/{}", self.public_url, self.tenant.slug),
            "privacy_rights": rights.iter().map(|right| right.dpv()).collect::<Vec<_>>(),
            "authority_party": authority.unwrap_or(&deadlines::profile_or_default(&self.tenant.jurisdiction).complaint),
            "party": [self.party()],
            "events": self.events.iter().map(|event| self.event(event)).collect::<Vec<_>>(),
        })
    }

    /// The same for every event of one person and one purpose, and in the shape of a UUID of version 4, as 27560 asks.
    fn record_id(&self) -> Uuid {
        let mut bytes = self.subject.0.into_bytes().to_vec();
        bytes.extend_from_slice(self.purpose.id.0.as_bytes());
        shaped_of(&bytes)
    }

    fn notice(&self) -> Value {
        match &self.words {
            Some(words) => json!({
                "@id": format!("{}/api/v1/notices/{}/versions/{}", self.public_url, words.notice_id, words.id),
                "@type": "dpv:ConsentNotice",
                "notice_language": words.language,
                "notice_version": words.number,
                "notice_hash": format!("sha-256:{}", hex::encode(&words.hash)),
                "notice_text": words.text,
            }),
            // The privacy page says of every purpose what it is.
            None => json!({
                "@id": format!("{}/privacy/{}", self.public_url, self.tenant.slug),
                "@type": "dpv:PrivacyNotice",
                "notice_language": self.tenant.language,
            }),
        }
    }

    fn language(&self) -> &str {
        self.words
            .as_ref()
            .map_or(&self.tenant.language, |words| &words.language)
    }

    fn bases(&self) -> Vec<&'static str> {
        let mut bases = vec![rights::dpv(self.purpose.lawful_basis)];
        bases.extend(self.purpose.special_basis.map(special));
        bases
    }

    fn data(&self) -> Vec<Value> {
        if self.data_types.is_empty() {
            return vec![
                json!({ "@type": "dpv:PersonalData", "pii_type": "messages exchanged for this purpose", "pii_optional": false }),
            ];
        }
        let one = |data_type: &data_type::Model| {
            let kind = match &data_type.special_category {
                Some(_) => "dpv:SpecialCategoryPersonalData",
                None => "dpv:PersonalData",
            };
            let mut one = json!({
                "@type": kind,
                "pii_type": data_type.name,
                "pii_attribute_id": data_type.slug,
                "pii_optional": true,
            });
            if let Some(category) = &data_type.special_category {
                one["special_pii_category"] = json!(category);
            }
            one
        };
        self.data_types.iter().map(one).collect()
    }

    fn locations(&self) -> Vec<&str> {
        if self.controller.storage_locations.is_empty() {
            return vec![self.controller.country.as_deref().unwrap_or(NOT_DECLARED)];
        }
        self.controller
            .storage_locations
            .iter()
            .map(String::as_str)
            .collect()
    }

    fn jurisdiction(&self) -> String {
        let law = &deadlines::profile_or_default(&self.tenant.jurisdiction).name;
        match &self.controller.country {
            Some(country) => format!("{country} ({law})"),
            None => law.to_owned(),
        }
    }

    fn party(&self) -> Value {
        let mut party = json!({
            "@id": urn(self.tenant.id.0),
            "@type": "dpv:DataController",
            "party_id": self.tenant.id,
            "party_name": self.controller.name(&self.tenant),
            "party_address": self.controller.address.as_deref().unwrap_or(NOT_DECLARED),
            "party_contact": self.controller.contact(&self.tenant).unwrap_or(NOT_DECLARED),
            "party_url": format!("{}/privacy/{}", self.public_url, self.tenant.slug),
            "party_type": "dpv:Organisation",
            "party_role": "dpv:DataController",
        });
        if let Some(phone) = &self.controller.phone {
            party["party_phone"] = json!(phone);
        }
        party
    }

    fn event(&self, event: &consent_event::Model) -> Value {
        let by = match event.method.as_str() {
            "clock" => urn(self.tenant.id.0),
            _ => urn(self.subject.0),
        };
        let mut said = json!({
            "@id": urn(event.id.0),
            "event_time": time(event.at),
            "recorded_time": time(event.recorded_at),
            "validity_duration": self.validity(event),
            "entity_id": by,
            "event_type": self.kind(),
            "event_state": state(event.state),
            "event_method": event.method,
        });
        if let Some(place) = &event.place {
            said["event_place"] = json!(place);
        }
        if let Some(until) = event.expires_at {
            said["valid_until"] = json!(time(until));
        }
        said
    }

    fn kind(&self) -> &'static str {
        if self.purpose.special_basis == Some(SpecialBasis::ExplicitConsent) {
            "dpv:ExplicitlyExpressedConsent"
        } else if self.purpose.lawful_basis == LawfulBasis::Consent {
            "dpv:ExpressedConsent"
        } else {
            "dpv:Consent"
        }
    }

    /// ISO 8601, as it was declared where that still gives the same end.
    fn validity(&self, event: &consent_event::Model) -> String {
        let Some(until) = event.expires_at else {
            return "until withdrawn".to_owned();
        };
        let declared = self.purpose.consent_validity.as_deref();
        declared
            .and_then(|text| text.parse::<Kept>().ok())
            .filter(|kept| kept.until(event.at) == until)
            .map_or_else(
                || format!("PT{}S", (until - event.at).num_seconds()),
                |kept| kept.to_string(),
            )
    }
}

/// How long messages for the purpose are kept, as the rules stand.
async fn kept(tx: &TenantTx, ctx: &Ctx, purpose: PurposeId) -> Result<Vec<String>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut kept: Vec<String> = picture
        .endpoints()
        .filter(|endpoint| endpoint.row.purpose_id == Some(purpose))
        .map(|endpoint| {
            let case = Case {
                endpoint: endpoint.row.id,
                purpose: Some(purpose),
                data_types: &[],
            };
            picture
                .rules
                .decide(case, "main")
                .rule()
                .map_or_else(|| Kept::Nothing.to_string(), |rule| rule.kept.to_string())
        })
        .collect();
    kept.sort();
    kept.dedup();
    if kept.is_empty() {
        // No endpoint rests on it alone: messages may name it, and keep to the rules where they pass.
        kept.push("as the retention rules say".to_owned());
    }
    Ok(kept)
}

/// Whom messages for the purpose go to besides the persons: hosts of upstreams and of webhooks.
async fn recipients(tx: &TenantTx, purpose: PurposeId) -> Result<Vec<String>> {
    let endpoints = tx
        .find::<endpoint::Entity>()
        .filter(endpoint::Column::PurposeId.eq(purpose))
        .all(tx.conn())
        .await?;
    let ids: Vec<_> = endpoints.iter().map(|endpoint| endpoint.id).collect();
    let webhooks = tx
        .find::<webhook::Entity>()
        .filter(webhook::Column::EndpointId.is_in(ids))
        .all(tx.conn())
        .await?;
    let upstreams = endpoints
        .iter()
        .filter_map(|endpoint| endpoint.upstream_url.as_deref());
    let urls = upstreams.chain(webhooks.iter().filter_map(|webhook| webhook.url.as_deref()));
    let mut hosts: Vec<String> = urls
        .filter_map(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned))
        .collect();
    hosts.sort();
    hosts.dedup();
    if hosts.is_empty() {
        hosts.push("none".to_owned());
    }
    Ok(hosts)
}

/// How DPV calls a state.
fn state(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Requested => "dpv:ConsentRequested",
        ConsentState::Given => "dpv:ConsentGiven",
        ConsentState::Renewed => "dpv:RenewedConsentGiven",
        ConsentState::Refused => "dpv:ConsentRefused",
        ConsentState::Withdrawn => "dpv:ConsentWithdrawn",
        ConsentState::Revoked => "dpv:ConsentRevoked",
        ConsentState::Expired => "dpv:ConsentExpired",
        ConsentState::Invalidated => "dpv:ConsentInvalidated",
        ConsentState::Unknown => "dpv:ConsentUnknown",
    }
}

/// How DPV calls a basis of Art. 9(2).
fn special(basis: SpecialBasis) -> &'static str {
    match basis {
        SpecialBasis::ExplicitConsent => "eu-gdpr:A9-2-a",
        SpecialBasis::EmploymentAndSocialSecurity => "eu-gdpr:A9-2-b",
        SpecialBasis::VitalInterests => "eu-gdpr:A9-2-c",
        SpecialBasis::NotForProfitBody => "eu-gdpr:A9-2-d",
        SpecialBasis::MadePublic => "eu-gdpr:A9-2-e",
        SpecialBasis::LegalClaims => "eu-gdpr:A9-2-f",
        SpecialBasis::SubstantialPublicInterest => "eu-gdpr:A9-2-g",
        SpecialBasis::HealthCare => "eu-gdpr:A9-2-h",
        SpecialBasis::PublicHealth => "eu-gdpr:A9-2-i",
        SpecialBasis::ArchivingAndResearch => "eu-gdpr:A9-2-j",
    }
}

fn urn(id: Uuid) -> String {
    format!("urn:uuid:{id}")
}

/// The same id in the shape of version 4.
fn shaped(id: Uuid) -> Uuid {
    shaped_of(id.as_bytes())
}

fn shaped_of(bytes: &[u8]) -> Uuid {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut random = [0; 16];
    random.copy_from_slice(&hash.as_ref()[..16]);
    uuid::Builder::from_random_bytes(random).into_uuid()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
