//! Witnesses of the log over REST.

use chrono::{DateTime, Utc};
use domain::{
    log::{self, NewWitness},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    id::LogWitnessId,
    log_witness::{self, WitnessFailure},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page},
    state::State,
    tags::Tag,
};

/// A witness to be asked.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogWitnessIn {
    /// `name+hash+key`, as the witness publishes it.
    verifier_key: String,
    /// Its submission prefix; `/add-checkpoint` is appended.
    url: String,
}

/// A witness of the log.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LogWitness {
    id: LogWitnessId,
    /// `name+hash+key`: what `weir verify --witness` takes.
    verifier_key: String,
    url: String,
    /// The size of the newest checkpoint that it cosigned.
    cosigned_size: i64,
    cosigned_at: Option<DateTime<Utc>>,
    /// Why the last attempt brought no cosignature. `unknown_log`: give the witness this log's verifier key. `conflict`: it
    /// has seen another history of this log, as after an older copy of the store was put back.
    failure: Option<WitnessFailure>,
    /// When it is asked again, if it is behind.
    due_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl From<log_witness::Model> for LogWitness {
    fn from(row: log_witness::Model) -> Self {
        Self {
            id: row.id,
            verifier_key: row.verifier_key,
            url: row.url,
            cosigned_size: row.cosigned_size,
            cosigned_at: row.cosigned_at,
            failure: row.failure,
            due_at: row.due_at,
            created_at: row.created_at,
        }
    }
}

/// Witnesses of the log.
pub struct LogWitnessesApi(pub State);

#[OpenApi(tag = "Tag::Audit")]
impl LogWitnessesApi {
    /// List the witnesses of the log.
    #[oai(path = "/log/witnesses", method = "get", operation_id = "list_log_witnesses")]
    async fn list(
        &self,
        caller: Caller,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<LogWitness>>, ApiError> {
        let scope = caller.may(Permission::AuditRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            log::list_witnesses(&tx, &page).await?,
            LogWitness::from,
        ))
    }

    /// Add a witness of the log.
    ///
    /// It is asked for its cosignature (c2sp.org/tlog-witness) within seconds of every new checkpoint; checkpoints and
    /// receipts carry it from then on. Tell it this log's verifier key first. At most 16.
    #[oai(path = "/log/witnesses", method = "post", operation_id = "create_log_witness")]
    async fn create(
        &self,
        caller: Caller,
        body: Body<LogWitnessIn>,
    ) -> Result<Created<LogWitness>, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        let new = NewWitness {
            verifier_key: body.0.verifier_key,
            url: body.0.url,
        };
        new.check()?;
        self.0.relays.check_address(Some(&new.url), "/url").await?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = log::add_witness(&tx, &self.0.ctx, new).await?;
        tx.save().await?;
        Ok(Created::fixed(row))
    }

    /// Remove a witness of the log.
    ///
    /// What it cosigned stays cosigned.
    #[oai(
        path = "/log/witnesses/:log_witness_id",
        method = "delete",
        operation_id = "delete_log_witness"
    )]
    async fn delete(
        &self,
        caller: Caller,
        log_witness_id: Path<LogWitnessId>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        log::remove_witness(&tx, &self.0.ctx, log_witness_id.0).await?;
        tx.save().await?;
        Ok(NoContent::Done)
    }
}
