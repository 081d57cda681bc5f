//! Data protection impact assessments (GDPR Art. 35). An endpoint that needs one does not open without it: not by REST, and
//! not on the wire, where nothing is joined or passed while it is missing.

use chrono::{DateTime, Utc};
use entity::{
    dpia::{self, DpiaOutcome},
    endpoint,
    id::{DpiaId, EndpointId},
    purpose,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, IntoActiveModel, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    endpoints,
    error::{Error, Faults, Result},
    fields,
    page::{self, Page, PageIn},
    tenancy::{TenantTx, expect_version},
};

/// A risk, and what is done about it (Art. 35(7)(c, d)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessedRisk {
    /// To the rights and freedoms of persons.
    pub risk: String,
    /// What is done about it.
    pub measure: String,
    /// What is left: `low`, `medium`, `high`.
    pub residual: String,
}

/// What is left of a risk.
pub const RESIDUALS: [&str; 3] = ["low", "medium", "high"];

/// What an assessment says.
#[derive(Clone, Debug, Default)]
pub struct Assessment {
    /// For the list.
    pub title: String,
    /// The processing, systematically.
    pub description: String,
    /// Necessity and proportionality.
    pub necessity: String,
    /// Risks and measures.
    pub risks: Vec<AssessedRisk>,
    /// Of the data protection officer.
    pub advice: Option<String>,
    /// When to look again.
    pub review_at: Option<DateTime<Utc>>,
}

/// Longest part of an assessment, in characters.
const MAX_PART: usize = 20_000;
/// Most risks.
const MAX_RISKS: usize = 100;

impl Assessment {
    fn check(&self, faults: &mut Faults) {
        fields::name(faults, "/title", &self.title);
        for (field, text) in [
            ("/description", &self.description),
            ("/necessity", &self.necessity),
        ] {
            faults.check(
                !text.trim().is_empty() && text.chars().count() <= MAX_PART,
                field,
                "not_an_assessment",
                format!("say it, in at most {MAX_PART} characters (Art. 35(7))"),
            );
        }
        fields::text(faults, "/advice", self.advice.as_deref());
        faults.check(
            !self.risks.is_empty() && self.risks.len() <= MAX_RISKS,
            "/risks",
            "not_an_assessment",
            format!("name 1 to {MAX_RISKS} risks, and what is done about each"),
        );
        for (number, risk) in self.risks.iter().enumerate() {
            for (field, text) in [("risk", &risk.risk), ("measure", &risk.measure)] {
                let at = format!("/risks/{number}/{field}");
                faults.check(!text.trim().is_empty(), at.clone(), "empty", "say it");
                fields::text(faults, &at, Some(text));
            }
            faults.check(
                RESIDUALS.contains(&risk.residual.as_str()),
                format!("/risks/{number}/residual"),
                "unknown",
                format!("use one of {}", RESIDUALS.join(", ")),
            );
        }
    }
}

/// Enters an assessment. Endpoints may rest on it once it is approved.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: Assessment) -> Result<dpia::Model> {
    let mut faults = Faults::default();
    new.check(&mut faults);
    faults.finish()?;
    let now = ctx.now();
    let row = dpia::ActiveModel {
        id: Set(ctx.ids.next()),
        title: Set(new.title),
        description: Set(new.description),
        necessity: Set(new.necessity),
        risks: Set(serde_json::to_value(&new.risks)?),
        advice: Set(new.advice),
        outcome: Set(DpiaOutcome::Draft),
        approved_at: Set(None),
        approved_by: Set(None),
        review_at: Set(new.review_at),
        created_at: Set(now),
        updated_at: Set(now),
        version: Set(1),
        ..Default::default()
    };
    let row = tx.insert(row).await?;
    let event = Event::new("dpia.created")
        .target("dpia", row.id)
        .facts(json!({ "risks": new.risks.len() }));
    audit::record(tx, ctx, event).await?;
    Ok(row)
}

/// Lists assessments, newest first.
pub async fn list(tx: &TenantTx, outcome: Option<DpiaOutcome>, page: &PageIn) -> Result<Page<dpia::Model>> {
    let mut rows = tx.find::<dpia::Entity>();
    if let Some(outcome) = outcome {
        rows = rows.filter(dpia::Column::Outcome.eq(outcome));
    }
    page::by_id(rows, tx.conn(), dpia::Column::Id, page, |row| row.id.0).await
}

/// Reads one assessment.
pub async fn read(tx: &TenantTx, id: DpiaId) -> Result<dpia::Model> {
    tx.get::<dpia::Entity, _>(id, "assessment").await
}

/// Replaces what an assessment says. It has to be decided anew; endpoints that rest on it close until then.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: DpiaId,
    expected: Option<i32>,
    new: Assessment,
) -> Result<dpia::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let mut faults = Faults::default();
    new.check(&mut faults);
    faults.finish()?;
    let version = current.version + 1;
    let mut row = current.into_active_model();
    row.title = Set(new.title);
    row.description = Set(new.description);
    row.necessity = Set(new.necessity);
    row.risks = Set(serde_json::to_value(&new.risks)?);
    row.advice = Set(new.advice);
    row.review_at = Set(new.review_at);
    row.outcome = Set(DpiaOutcome::Draft);
    row.approved_at = Set(None);
    row.approved_by = Set(None);
    row.updated_at = Set(ctx.now());
    row.version = Set(version);
    let row = tx.update(row).await?;
    let event = Event::new("dpia.updated")
        .target("dpia", id)
        .facts(json!({ "version": version }));
    audit::record(tx, ctx, event).await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Decides what an assessment comes to.
pub async fn decide(
    tx: &TenantTx,
    ctx: &Ctx,
    id: DpiaId,
    expected: Option<i32>,
    outcome: DpiaOutcome,
) -> Result<dpia::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let risks: Vec<AssessedRisk> = serde_json::from_value(current.risks.clone())?;
    let mut faults = Faults::default();
    faults.check(
        outcome != DpiaOutcome::Acceptable || risks.iter().all(|risk| risk.residual != "high"),
        "/outcome",
        "contradicts",
        "a high risk is left: consult the authority first (Art. 36), or do more about it",
    );
    faults.finish()?;
    let now = ctx.now();
    let approved = outcome == DpiaOutcome::Acceptable;
    let version = current.version + 1;
    let mut row = current.into_active_model();
    row.outcome = Set(outcome);
    row.approved_at = Set(approved.then_some(now));
    row.approved_by = Set(approved.then(|| tx.actor().to_string()));
    row.updated_at = Set(now);
    row.version = Set(version);
    let row = tx.update(row).await?;
    let event = Event::new("dpia.decided")
        .target("dpia", id)
        .facts(json!({ "outcome": outcome }));
    audit::record(tx, ctx, event).await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Deletes an assessment that no endpoint rests on.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, id: DpiaId, expected: Option<i32>) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let resting = tx
        .find::<endpoint::Entity>()
        .filter(endpoint::Column::DpiaId.eq(id))
        .one(tx.conn())
        .await?;
    if let Some(endpoint) = resting {
        return Err(Error::conflict(
            "in_use",
            format!(
                "the endpoint “{}” rests on it; name another there first",
                endpoint.slug
            ),
        ));
    }
    tx.delete_many::<dpia::Entity>()
        .filter(dpia::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let event = Event::new("dpia.deleted").target("dpia", id);
    audit::record(tx, ctx, event).await?;
    Ok(())
}

/// Whether endpoints may rest on an assessment.
pub fn is_good(dpia: &dpia::Model) -> bool {
    dpia.outcome == DpiaOutcome::Acceptable && dpia.approved_at.is_some()
}

/// Whether an endpoint needs an assessment, and whether it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// Somebody said so.
    pub required: bool,
    /// Its purpose is about special categories: on a large scale that needs one (Art. 35(3)(b)). How large it is, the
    /// tenant knows.
    pub advised: bool,
    /// What it rests on.
    pub dpia_id: Option<DpiaId>,
    /// Closed until an assessment finds it acceptable.
    pub closed: bool,
    /// Of the endpoint.
    pub version: i32,
}

/// Whether an endpoint with this purpose should have an assessment.
pub fn is_advised(purpose: Option<&purpose::Model>) -> bool {
    purpose.is_some_and(|purpose| purpose.special_basis.is_some())
}

/// How an endpoint stands.
pub async fn of_endpoint(tx: &TenantTx, id: EndpointId) -> Result<EndpointState> {
    state(tx, endpoints::read(tx, id).await?).await
}

async fn state(tx: &TenantTx, endpoint: endpoint::Model) -> Result<EndpointState> {
    let purpose = match endpoint.purpose_id {
        Some(id) => tx.find_by_id::<purpose::Entity, _>(id).one(tx.conn()).await?,
        None => None,
    };
    let dpia = match endpoint.dpia_id {
        Some(id) => tx.find_by_id::<dpia::Entity, _>(id).one(tx.conn()).await?,
        None => None,
    };
    Ok(EndpointState {
        required: endpoint.dpia_required,
        advised: is_advised(purpose.as_ref()),
        dpia_id: endpoint.dpia_id,
        closed: endpoint.dpia_required && !dpia.is_some_and(|dpia| is_good(&dpia)),
        version: endpoint.version,
    })
}

/// Says whether an endpoint needs an assessment, and which it rests on.
pub async fn set_of_endpoint(
    tx: &TenantTx,
    ctx: &Ctx,
    id: EndpointId,
    expected: Option<i32>,
    required: bool,
    dpia_id: Option<DpiaId>,
) -> Result<EndpointState> {
    let endpoint = endpoints::read(tx, id).await?;
    expect_version(endpoint.version, expected)?;
    if let Some(dpia) = dpia_id
        && tx
            .find_by_id::<dpia::Entity, _>(dpia)
            .one(tx.conn())
            .await?
            .is_none()
    {
        return Err(Error::invalid(
            "/dpia_id",
            "unknown",
            "there is no such assessment",
        ));
    }
    let row = endpoint::ActiveModel {
        id: Set(id),
        dpia_required: Set(required),
        dpia_id: Set(dpia_id),
        updated_at: Set(ctx.now()),
        version: Set(endpoint.version + 1),
        ..Default::default()
    };
    let endpoint = tx.update(row).await?;
    let event = Event::new("endpoint.dpia_set")
        .target("endpoint", id)
        .facts(json!({ "required": required, "dpia": dpia_id }));
    audit::record(tx, ctx, event).await?;
    ctx.forget_picture_after(tx);
    state(tx, endpoint).await
}
