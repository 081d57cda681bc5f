//! Controllers are told how their requests go, each time that changes, at every address that came with the request.

use entity::{
    id::RequestId,
    opendsr_request,
    request::{self},
};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{sign, state_word, told};
use crate::{
    Error, Result,
    ctx::Ctx,
    jobs::{self, Job},
    requests,
    tenancy::{TenantScope, TenantTx},
};

/// Tells one address how a request stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendStatusCallback {
    /// The controller's name for the request.
    pub subject_request_id: Uuid,
    /// Where to.
    pub url: String,
    /// What is told.
    pub status: String,
}

impl Job for SendStatusCallback {
    const KIND: &'static str = "send_status_callback";
    // With back-off: a receiver that is down for a day hears of it.
    const ATTEMPTS: i32 = 20;
}

/// A callback, ready to be sent.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub url: String,
    /// What it says.
    pub body: Vec<u8>,
    /// Whose certificate, and the signature.
    pub headers: Vec<(&'static str, String)>,
}

/// A request takes a step: whoever wants to know hears, if it is news in the words of OpenDSR.
pub(crate) async fn status_changed(
    tx: &TenantTx,
    ctx: &Ctx,
    request: RequestId,
    from: request::RequestState,
    to: request::RequestState,
) -> Result<()> {
    let status = state_word(to);
    if status == state_word(from) {
        return Ok(());
    }
    let rows = tx
        .find::<opendsr_request::Entity>()
        .filter(opendsr_request::Column::RequestId.eq(request))
        .filter(opendsr_request::Column::CancelledAt.is_null())
        .all(tx.conn())
        .await?;
    for row in &rows {
        tell(tx, ctx, row, status).await?;
    }
    Ok(())
}

/// Tells all addresses of one name how its request stands.
pub(super) async fn tell(tx: &TenantTx, ctx: &Ctx, row: &opendsr_request::Model, status: &str) -> Result<()> {
    let urls: Vec<String> = serde_json::from_value(row.callback_urls.clone())?;
    for url in urls {
        let job = SendStatusCallback {
            subject_request_id: row.subject_request_id,
            url,
            status: status.to_owned(),
        };
        jobs::enqueue(tx, ctx, &job).await?;
    }
    Ok(())
}

/// Puts a callback together, with what is true of the request now.
pub async fn call(ctx: &Ctx, scope: &TenantScope, job: &SendStatusCallback) -> Result<Call> {
    let tx = ctx.store.read(scope).await?;
    let row = super::find(&tx, job.subject_request_id)
        .await?
        .ok_or(Error::NotFound { what: "request" })?;
    let request = requests::read(&tx, row.request_id).await?;
    let mut body = told(ctx, tx.tenant(), &row, &request)?;
    drop(tx);
    body["status_callback_url"] = json!(job.url);
    // The step that this is about, even where another came since: that one is told too.
    body["request_status"] = json!(job.status);
    let body = serde_json::to_vec(&body)?;
    let signed = sign(ctx, scope, &body).await?;
    Ok(Call {
        url: job.url.clone(),
        body,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("x-opendsr-processor-domain", signed.domain),
            ("x-opendsr-signature", signed.signature),
        ],
    })
}
