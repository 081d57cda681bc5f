//! Audit reports over REST.

use chrono::{DateTime, Utc};
use domain::{
    page::PageIn,
    permissions::Permission,
    reports::{self, NewReport, Opened},
};
use entity::{id::ReportId, report, report_schedule};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::{Html, Json, PlainText},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// Which time a report is about.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportIn {
    /// Default: where the last report ended, or a month ago.
    from: Option<DateTime<Utc>>,
    /// Default now.
    to: Option<DateTime<Utc>>,
}

/// An audit report.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Report {
    id: ReportId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Findings to be mended now.
    high: i32,
    /// Findings to be mended.
    medium: i32,
    /// Findings to be known.
    low: i32,
    /// Whether processing keeps to the retention policy.
    adheres_to_retention_policy: bool,
    /// The report that it is compared with.
    previous_id: Option<ReportId>,
    /// Of the body, in hex; it is in the leaf.
    sha256: String,
    /// Where the receipt is that proves it offline.
    receipt_url: String,
    created_at: DateTime<Utc>,
    /// What it says: five sections with answer, facts and findings, and what changed since the last.
    body: Option<Value>,
}

impl Report {
    fn new(row: report::Model, body: Option<Value>) -> Self {
        Self {
            receipt_url: format!("/api/v1/reports/{}/receipt", row.id),
            id: row.id,
            from: row.from_at,
            to: row.to_at,
            high: row.high,
            medium: row.medium,
            low: row.low,
            adheres_to_retention_policy: row.adheres,
            previous_id: row.previous_id,
            sha256: hex::encode(row.sha256),
            created_at: row.created_at,
            body,
        }
    }
}

impl From<Opened> for Report {
    fn from(opened: Opened) -> Self {
        Self::new(opened.row, Some(opened.body))
    }
}

/// How often a report is made.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportScheduleIn {
    /// ISO 8601, at least `P1D`.
    every: String,
    enabled: bool,
}

/// How often a report is made.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReportSchedule {
    /// ISO 8601; absent: only on demand.
    every: Option<String>,
    enabled: bool,
    next_at: Option<DateTime<Utc>>,
    version: i32,
}

impl From<Option<report_schedule::Model>> for ReportSchedule {
    fn from(row: Option<report_schedule::Model>) -> Self {
        Self {
            version: row.as_ref().map_or(0, |row| row.version),
            enabled: row.as_ref().is_some_and(|row| row.enabled),
            next_at: row.as_ref().filter(|row| row.enabled).map(|row| row.next_at),
            every: row.map(|row| row.every),
        }
    }
}

/// Audit reports.
pub struct ReportsApi(pub State);

#[OpenApi(tag = "Tag::Audit")]
impl ReportsApi {
    /// List audit reports.
    #[oai(path = "/reports", method = "get", operation_id = "list_reports")]
    async fn list(
        &self,
        caller: Caller,
        /// Whether processing kept to the retention policy.
        adheres: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Report>>, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(reports::list(&tx, adheres.0, &page).await?, |row| {
            Report::new(row, None)
        }))
    }

    /// Make an audit report.
    ///
    /// Collection, use, retention, security and rights, from the evidence. Each finding has a severity, a proof where there is
    /// one, and a way out. It is sealed, and its hash is a leaf of the log.
    #[oai(path = "/reports", method = "post", operation_id = "create_report")]
    async fn create(&self, caller: Caller, body: Body<ReportIn>) -> Result<Created<Report>, ApiError> {
        let scope = caller.may(Permission::ReportsWrite)?;
        let new = NewReport {
            from: body.0.from,
            to: body.0.to,
        };
        Ok(Created::fixed(reports::create(&self.0.ctx, scope, new).await?))
    }

    /// Read an audit report.
    #[oai(path = "/reports/:report_id", method = "get", operation_id = "read_report")]
    async fn read(&self, caller: Caller, report_id: Path<ReportId>) -> Result<Json<Report>, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        Ok(Json(reports::read(&self.0.ctx, scope, report_id.0).await?.into()))
    }

    /// Take an audit report as a page to print.
    #[oai(
        path = "/reports/:report_id/page.html",
        method = "get",
        operation_id = "read_report_page"
    )]
    async fn page(&self, caller: Caller, report_id: Path<ReportId>) -> Result<Html<String>, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        let opened = reports::read(&self.0.ctx, scope, report_id.0).await?;
        Ok(Html(reports::page(&opened.body)?))
    }

    /// Take the receipt of an audit report.
    ///
    /// A C2SP tlog-proof of the leaf that holds the report's hash.
    #[oai(
        path = "/reports/:report_id/receipt",
        method = "get",
        operation_id = "read_report_receipt"
    )]
    async fn receipt(
        &self,
        caller: Caller,
        report_id: Path<ReportId>,
    ) -> Result<PlainText<String>, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        Ok(PlainText(
            reports::receipt(&self.0.ctx, scope, report_id.0).await?,
        ))
    }

    /// Read how often a report is made.
    #[oai(
        path = "/report-schedule",
        method = "get",
        operation_id = "read_report_schedule"
    )]
    async fn schedule(&self, caller: Caller) -> Result<Versioned<ReportSchedule>, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let schedule = ReportSchedule::from(reports::read_schedule(&tx).await?);
        Ok(Versioned::new(schedule.version, schedule))
    }

    /// Say how often a report is made.
    #[oai(
        path = "/report-schedule",
        method = "put",
        operation_id = "set_report_schedule"
    )]
    async fn set_schedule(
        &self,
        caller: Caller,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<ReportScheduleIn>,
    ) -> Result<Versioned<ReportSchedule>, ApiError> {
        let scope = caller.may(Permission::ReportsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = reports::set_schedule(&tx, &self.0.ctx, expected, &body.0.every, body.0.enabled).await?;
        tx.save().await?;
        Ok(Versioned::new(row.version, Some(row)))
    }
}
