//! Records of processing activities over REST.

use domain::{permissions::Permission, processing_records};
use poem_openapi::{
    ApiResponse, Enum, OpenApi,
    param::Query,
    payload::{Html, Json, PlainText},
};
use serde_json::Value;

use crate::{caller::Caller, problem::ApiError, state::State, tags::Tag};

/// In which form.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum RecordFormat {
    Json,
    /// A row per activity.
    Csv,
    /// A page to print.
    Html,
}

/// A record of processing activities.
#[derive(ApiResponse)]
pub enum RecordOut {
    /// As data.
    #[oai(status = 200)]
    Json(Json<Value>),
    /// As a table.
    #[oai(status = 200, content_type = "text/csv; charset=utf-8")]
    Csv(PlainText<String>),
    /// As a page.
    #[oai(status = 200)]
    Html(Html<String>),
}

impl RecordOut {
    fn new(record: Value, format: Option<RecordFormat>) -> domain::Result<Self> {
        Ok(match format.unwrap_or(RecordFormat::Json) {
            RecordFormat::Json => Self::Json(Json(record)),
            RecordFormat::Csv => Self::Csv(PlainText(processing_records::csv(&record)?)),
            RecordFormat::Html => Self::Html(Html(processing_records::page(&record)?)),
        })
    }
}

/// Records of processing activities.
pub struct ProcessingRecordsApi(pub State);

#[OpenApi(tag = "Tag::Audit")]
impl ProcessingRecordsApi {
    /// Take the controller's record of processing activities.
    ///
    /// GDPR Art. 30(1), from what is declared and enforced.
    #[oai(
        path = "/processing-records/controller",
        method = "get",
        operation_id = "read_controller_record"
    )]
    async fn controller(
        &self,
        caller: Caller,
        format: Query<Option<RecordFormat>>,
    ) -> Result<RecordOut, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let record = processing_records::of_controller(&tx, &self.0.ctx).await?;
        Ok(RecordOut::new(record, format.0)?)
    }

    /// Take the processor's record of processing activities.
    ///
    /// GDPR Art. 30(2), of whoever runs Weir for you.
    #[oai(
        path = "/processing-records/processor",
        method = "get",
        operation_id = "read_processor_record"
    )]
    async fn processor(
        &self,
        caller: Caller,
        format: Query<Option<RecordFormat>>,
    ) -> Result<RecordOut, ApiError> {
        let scope = caller.may(Permission::ReportsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let record = processing_records::of_processor(&tx, &self.0.ctx).await?;
        Ok(RecordOut::new(record, format.0)?)
    }
}
