//! The register of incidents over REST.

pub(crate) mod bodies;
pub(crate) mod told;

use domain::{
    incidents::{self, AffectedFilter},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    id::IncidentId,
    incident::{IncidentState, Risk},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use self::bodies::{Incident, IncidentIn, IncidentPatchIn, IncidentSubject};
use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// The scope was ordered.
#[derive(ApiResponse)]
pub enum ScopeOrdered {
    /// It is being computed; ask again for how far that has come.
    #[oai(status = 202)]
    Accepted(Json<Incident>),
}

/// The register of incidents.
pub struct IncidentsApi(pub State);

#[OpenApi(tag = "Tag::Incidents")]
impl IncidentsApi {
    /// List incidents.
    #[oai(path = "/incidents", method = "get", operation_id = "list_incidents")]
    async fn list(
        &self,
        caller: Caller,
        state: Query<Option<IncidentState>>,
        risk: Query<Option<Risk>>,
        /// Whether the authority should have been told and was not.
        overdue: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Incident>>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = incidents::Filter {
            state: state.0,
            risk: risk.0,
            overdue: overdue.0,
        };
        let now = self.0.ctx.now();
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = incidents::list(&tx, &filter, now, &page).await?;
        let items: domain::Result<Vec<_>> = rows
            .items
            .into_iter()
            .map(|row| Incident::new(row, now))
            .collect();
        Ok(Json(Page {
            items: items?,
            next_cursor: rows.next_cursor,
        }))
    }

    /// Enter an incident.
    ///
    /// The clock of 72 hours begins at `aware_at`. Reminders go to owners and privacy officers until the authority was told.
    #[oai(path = "/incidents", method = "post", operation_id = "create_incident")]
    async fn create(&self, caller: Caller, body: Body<IncidentIn>) -> Result<Created<Incident>, ApiError> {
        let scope = caller.may(Permission::IncidentsWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = incidents::create(&tx, &self.0.ctx, body.0.into()).await?;
        tx.save().await?;
        Ok(Created::versioned(
            row.version,
            Incident::new(row, self.0.ctx.now())?,
        ))
    }

    /// Read an incident.
    #[oai(
        path = "/incidents/:incident_id",
        method = "get",
        operation_id = "read_incident"
    )]
    async fn read(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
    ) -> Result<Versioned<Incident>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = incidents::read(&tx, incident_id.0).await?;
        Ok(Versioned::new(row.version, Incident::new(row, self.0.ctx.now())?))
    }

    /// Change an incident.
    #[oai(
        path = "/incidents/:incident_id",
        method = "patch",
        operation_id = "update_incident"
    )]
    async fn update(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<IncidentPatchIn>,
    ) -> Result<Versioned<Incident>, ApiError> {
        let scope = caller.may(Permission::IncidentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = incidents::update(&tx, &self.0.ctx, incident_id.0, expected, body.0.into()).await?;
        tx.save().await?;
        Ok(Versioned::new(row.version, Incident::new(row, self.0.ctx.now())?))
    }

    /// Compute whom an incident touched.
    ///
    /// From the journal and the records of connections: persons, records, kinds of data, and what of it nobody can read. A job
    /// does it; `scoping` says how far it has come. The result stays with the incident; compute it anew when more is known.
    /// While it is being computed, this changes nothing.
    #[oai(
        path = "/incidents/:incident_id/scope",
        method = "post",
        operation_id = "scope_incident"
    )]
    async fn scope(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<ScopeOrdered, ApiError> {
        let scope = caller.may(Permission::IncidentsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let row = incidents::order_scope(&tx, ctx, incident_id.0, expected).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(ScopeOrdered::Accepted(Json(Incident::new(row, ctx.now())?)))
    }

    /// List whom an incident touched.
    ///
    /// As its scope found. Somebody who is erased leaves this list.
    #[oai(
        path = "/incidents/:incident_id/subjects",
        method = "get",
        operation_id = "list_incident_subjects"
    )]
    async fn subjects(
        &self,
        caller: Caller,
        incident_id: Path<IncidentId>,
        /// Whether nobody can read any of the messages about them.
        unintelligible: Query<Option<bool>>,
        /// Whether a mail to them was written.
        told: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<IncidentSubject>>, ApiError> {
        let scope = caller.may(Permission::IncidentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = AffectedFilter {
            unintelligible: unintelligible.0,
            told: told.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = incidents::list_affected(&tx, incident_id.0, filter, &page).await?;
        Ok(Page::from(rows, IncidentSubject::from))
    }
}
