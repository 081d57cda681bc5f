//! Data protection impact assessments over REST, and which endpoints need one.

use broker::{Close, Scope, Selector};
use chrono::{DateTime, Utc};
use domain::{
    dpias::{self, AssessedRisk, Assessment},
    page::PageIn,
    permissions::Permission,
    pictures,
    tenancy::TenantScope,
};
use entity::{
    dpia::{self, DpiaOutcome},
    id::{DpiaId, EndpointId},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page, Versioned},
    state::{Parts, State},
    tags::Tag,
    versions::expected,
};

/// A risk, and what is done about it.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpiaRisk {
    /// To the rights and freedoms of persons.
    risk: String,
    /// What is done about it.
    measure: String,
    /// What is left: `low`, `medium` or `high`.
    residual: String,
}

/// What an assessment says (Art. 35(7)).
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpiaIn {
    title: String,
    /// The processing, systematically.
    description: String,
    /// Necessity and proportionality.
    necessity: String,
    risks: Vec<DpiaRisk>,
    /// Of the data protection officer.
    advice: Option<String>,
    /// When to look again.
    review_at: Option<DateTime<Utc>>,
}

impl From<DpiaIn> for Assessment {
    fn from(input: DpiaIn) -> Self {
        let risk = |risk: DpiaRisk| AssessedRisk {
            risk: risk.risk,
            measure: risk.measure,
            residual: risk.residual,
        };
        Self {
            title: input.title,
            description: input.description,
            necessity: input.necessity,
            risks: input.risks.into_iter().map(risk).collect(),
            advice: input.advice,
            review_at: input.review_at,
        }
    }
}

/// A data protection impact assessment.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Dpia {
    id: DpiaId,
    title: String,
    description: String,
    necessity: String,
    risks: Vec<DpiaRisk>,
    advice: Option<String>,
    outcome: DpiaOutcome,
    /// Since when endpoints may rest on it.
    approved_at: Option<DateTime<Utc>>,
    /// Who approved it, as the audit log names them.
    approved_by: Option<String>,
    review_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

impl From<dpia::Model> for Dpia {
    fn from(row: dpia::Model) -> Self {
        // We wrote it ourselves; a damaged list names no risk.
        let risks: Vec<AssessedRisk> = serde_json::from_value(row.risks).unwrap_or_default();
        let risk = |risk: AssessedRisk| DpiaRisk {
            risk: risk.risk,
            measure: risk.measure,
            residual: risk.residual,
        };
        Self {
            id: row.id,
            title: row.title,
            description: row.description,
            necessity: row.necessity,
            risks: risks.into_iter().map(risk).collect(),
            advice: row.advice,
            outcome: row.outcome,
            approved_at: row.approved_at,
            approved_by: row.approved_by,
            review_at: row.review_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// What an assessment comes to.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpiaDecisionIn {
    outcome: DpiaOutcome,
}

/// Whether an endpoint needs an assessment, and which.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointDpiaIn {
    /// While it is required and missing, or not found acceptable, the endpoint is closed.
    required: bool,
    dpia_id: Option<DpiaId>,
}

/// Whether an endpoint needs an assessment, and whether it is open.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct EndpointDpia {
    required: bool,
    /// Its purpose is about special categories: on a large scale that needs one (GDPR Art. 35(3)(b)).
    advised: bool,
    dpia_id: Option<DpiaId>,
    /// Closed to everybody until an assessment finds it acceptable.
    closed: bool,
}

impl From<dpias::EndpointState> for EndpointDpia {
    fn from(state: dpias::EndpointState) -> Self {
        Self {
            required: state.required,
            advised: state.advised,
            dpia_id: state.dpia_id,
            closed: state.closed,
        }
    }
}

/// Impact assessments.
pub struct DpiasApi(pub State);

#[OpenApi(tag = "Tag::Catalogue")]
impl DpiasApi {
    /// List impact assessments.
    #[oai(path = "/dpias", method = "get", operation_id = "list_dpias")]
    async fn list(
        &self,
        caller: Caller,
        outcome: Query<Option<DpiaOutcome>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Dpia>>, ApiError> {
        let scope = caller.may(Permission::AssessmentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(dpias::list(&tx, outcome.0, &page).await?, Dpia::from))
    }

    /// Enter an impact assessment.
    #[oai(path = "/dpias", method = "post", operation_id = "create_dpia")]
    async fn create(&self, caller: Caller, body: Body<DpiaIn>) -> Result<Created<Dpia>, ApiError> {
        let scope = caller.may(Permission::AssessmentsWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = dpias::create(&tx, &self.0.ctx, body.0.into()).await?;
        tx.save().await?;
        Ok(Created::versioned(row.version, row))
    }

    /// Read an impact assessment.
    #[oai(path = "/dpias/:dpia_id", method = "get", operation_id = "read_dpia")]
    async fn read(&self, caller: Caller, dpia_id: Path<DpiaId>) -> Result<Versioned<Dpia>, ApiError> {
        let scope = caller.may(Permission::AssessmentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = dpias::read(&tx, dpia_id.0).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Replace an impact assessment.
    ///
    /// It has to be decided anew; endpoints that need it are closed until then.
    #[oai(path = "/dpias/:dpia_id", method = "put", operation_id = "update_dpia")]
    async fn update(
        &self,
        caller: Caller,
        dpia_id: Path<DpiaId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<DpiaIn>,
    ) -> Result<Versioned<Dpia>, ApiError> {
        let scope = caller.may(Permission::AssessmentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = dpias::update(&tx, &self.0.ctx, dpia_id.0, expected, body.0.into()).await?;
        tx.save().await?;
        self.0.dpia_changed(scope).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Decide what an impact assessment comes to.
    #[oai(
        path = "/dpias/:dpia_id/decision",
        method = "post",
        operation_id = "decide_dpia"
    )]
    async fn decide(
        &self,
        caller: Caller,
        dpia_id: Path<DpiaId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<DpiaDecisionIn>,
    ) -> Result<Versioned<Dpia>, ApiError> {
        let scope = caller.may(Permission::AssessmentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = dpias::decide(&tx, &self.0.ctx, dpia_id.0, expected, body.0.outcome).await?;
        tx.save().await?;
        self.0.dpia_changed(scope).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Delete an impact assessment that no endpoint rests on.
    #[oai(path = "/dpias/:dpia_id", method = "delete", operation_id = "delete_dpia")]
    async fn delete(
        &self,
        caller: Caller,
        dpia_id: Path<DpiaId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::AssessmentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        dpias::delete(&tx, &self.0.ctx, dpia_id.0, expected).await?;
        tx.save().await?;
        Ok(NoContent::Done)
    }

    /// Read whether an endpoint needs an impact assessment.
    #[oai(
        path = "/endpoints/:endpoint_id/dpia",
        method = "get",
        operation_id = "read_endpoint_dpia"
    )]
    async fn of_endpoint(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
    ) -> Result<Versioned<EndpointDpia>, ApiError> {
        let scope = caller.may(Permission::AssessmentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let state = dpias::of_endpoint(&tx, endpoint_id.0).await?;
        Ok(Versioned::new(state.version, state))
    }

    /// Say whether an endpoint needs an impact assessment, and which it rests on.
    ///
    /// While it needs one that did not find it acceptable, it is closed: open sockets too.
    #[oai(
        path = "/endpoints/:endpoint_id/dpia",
        method = "put",
        operation_id = "set_endpoint_dpia"
    )]
    async fn set_of_endpoint(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<EndpointDpiaIn>,
    ) -> Result<Versioned<EndpointDpia>, ApiError> {
        let scope = caller.may(Permission::AssessmentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let (required, dpia) = (body.0.required, body.0.dpia_id);
        let state = dpias::set_of_endpoint(&tx, ctx, endpoint_id.0, expected, required, dpia).await?;
        tx.save().await?;
        self.0.dpia_changed(scope).await?;
        Ok(Versioned::new(state.version, state))
    }
}

impl Parts {
    /// An assessment changed: memory follows before that is answered, and endpoints that are closed now have no sockets.
    async fn dpia_changed(&self, scope: &TenantScope) -> domain::Result<()> {
        pictures::reload(&self.ctx, scope).await?;
        let picture = pictures::load(&self.ctx, scope).await?;
        for endpoint in picture.endpoints().filter(|endpoint| endpoint.dpia_missing) {
            let selector = Selector {
                tenant: scope.tenant().0,
                scope: Scope::Endpoint(endpoint.row.id.0),
            };
            self.broker.disconnect(selector, Close::DISABLED).await;
            self.relays.close(endpoint.row.id);
        }
        Ok(())
    }
}
