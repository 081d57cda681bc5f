//! Imports of consents over REST.

use chrono::{DateTime, Utc};
use domain::{
    consents::{self, Faulty, NewImport},
    error::Error,
    page::PageIn,
    permissions::Permission,
};
use entity::{
    consent_import::{self, ImportFormat, ImportState},
    id::ConsentImportId,
};
use poem_openapi::{
    ApiRequest, ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Binary, Json},
};

use crate::{body, caller::Caller, problem::ApiError, responses::Page, state::State, tags::Tag};

/// Consents, a line each.
#[derive(ApiRequest)]
pub enum Lines {
    /// A JSON object in every line: `subject`, `purpose`, `state` (any DPV state), `at` or `id`, and optionally `method`,
    /// `place`, `valid_for`, `notice_version_id`, `evidence`.
    #[oai(content_type = "application/x-ndjson")]
    Ndjson(Binary<poem::Body>),
    /// The same as a table, with the names in the first line; `evidence` is JSON in its cell.
    #[oai(content_type = "text/csv")]
    Csv(Binary<poem::Body>),
}

/// The largest import, in bytes.
const MAX_IMPORT: usize = 32 << 20;

/// Consents that are being taken over, or were.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ConsentImport {
    id: ConsentImportId,
    state: ImportState,
    format: ImportFormat,
    /// Lines that hold a consent.
    lines: i64,
    /// Lines that were looked at.
    done: i64,
    /// Of those: now recorded.
    recorded: i64,
    /// Of those: recorded before.
    repeated: i64,
    /// Of those: refused; see its faults.
    failed: i64,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<consent_import::Model> for ConsentImport {
    fn from(row: consent_import::Model) -> Self {
        Self {
            id: row.id,
            state: row.state,
            format: row.format,
            lines: row.lines,
            done: row.done,
            recorded: row.recorded,
            repeated: row.repeated,
            failed: row.failed,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// A line that was refused.
#[derive(Clone, Debug, Object)]
pub struct FaultyLine {
    /// As in the file; the first is 1.
    line: i64,
    faults: Vec<LineFault>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, Object)]
pub struct LineFault {
    /// A JSON pointer into the line.
    field: String,
    code: String,
    detail: String,
}

impl From<Faulty> for FaultyLine {
    fn from(faulty: Faulty) -> Self {
        let fault = |(field, code, detail)| LineFault { field, code, detail };
        Self {
            line: faulty.line,
            faults: faulty.faults.into_iter().map(fault).collect(),
        }
    }
}

/// The import was ordered.
#[derive(ApiResponse)]
pub enum Ordered {
    /// The lines are looked at; ask again for how far that has come.
    #[oai(status = 202)]
    Accepted(Json<ConsentImport>),
}

/// Imports of consents.
pub struct ConsentImportsApi(pub State);

#[OpenApi(tag = "Tag::Subjects")]
impl ConsentImportsApi {
    /// Take over consents from elsewhere.
    ///
    /// NDJSON or CSV, up to 32 MiB. Repeating a line changes nothing: it is known by its `id`, or by person, purpose, state
    /// and time.
    #[oai(
        path = "/consent-imports",
        method = "post",
        operation_id = "create_consent_import"
    )]
    async fn create(&self, caller: Caller, lines: Lines) -> Result<Ordered, ApiError> {
        let scope = caller.may(Permission::ConsentsWrite)?;
        let (format, body) = match lines {
            Lines::Ndjson(body) => (ImportFormat::Ndjson, body.0),
            Lines::Csv(body) => (ImportFormat::Csv, body.0),
        };
        let bytes = body::collect_up_to(body, MAX_IMPORT)
            .await
            .map_err(|_| Error::invalid("", "too_large", "send at most 32 MiB at a time"))?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = consents::create_import(&tx, &self.0.ctx, &NewImport { format, bytes }).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Ordered::Accepted(Json(row.into())))
    }

    /// List imports of consents.
    #[oai(
        path = "/consent-imports",
        method = "get",
        operation_id = "list_consent_imports"
    )]
    async fn list(
        &self,
        caller: Caller,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ConsentImport>>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            consents::list_imports(&tx, &page).await?,
            ConsentImport::from,
        ))
    }

    /// Read how far an import has come.
    #[oai(
        path = "/consent-imports/:import_id",
        method = "get",
        operation_id = "read_consent_import"
    )]
    async fn read(
        &self,
        caller: Caller,
        import_id: Path<ConsentImportId>,
    ) -> Result<Json<ConsentImport>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Json(consents::read_import(&tx, import_id.0).await?.into()))
    }

    /// List the lines of an import that were refused.
    ///
    /// In the order of the file. What the lines said is not kept.
    #[oai(
        path = "/consent-imports/:import_id/faults",
        method = "get",
        operation_id = "list_consent_import_faults"
    )]
    async fn faults(
        &self,
        caller: Caller,
        import_id: Path<ConsentImportId>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<FaultyLine>>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            consents::import_faults(&tx, import_id.0, &page).await?,
            FaultyLine::from,
        ))
    }
}
