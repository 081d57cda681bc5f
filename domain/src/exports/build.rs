//! Making an export and completing its request.

use entity::{
    export,
    id::ExportId,
    request::{self, RequestState},
};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    KEPT, contents,
    package::{Sum, pack},
    parts::{self, Lock},
};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    requests::{self, Changes, Outcome},
    tenancy::TenantScope,
};

/// Pieces on their way into and out of the packing: enough to keep both sides busy, few enough to stay small.
const WAITING: usize = 4;

/// Makes the export of an access request in progress and completes the request. Can be run again.
pub async fn build(ctx: &Ctx, scope: &TenantScope, request: request::Model) -> Result<request::Model> {
    if let Some(leftover) = request.export_id {
        parts::remove(ctx, scope, leftover).await?;
    }
    let id: ExportId = ctx.ids.next();
    begin(ctx, scope, &request, id).await?;
    let lock = Lock::of(ctx, scope.tenant(), request.subject_id).await?;

    let (to_zip, from_contents) = mpsc::channel(WAITING);
    let (to_store, from_zip) = mpsc::channel(WAITING);
    let at = ctx.now();
    let thread = tokio::task::spawn_blocking(move || pack(from_contents, to_store, at));
    let zip = async { thread.await.map_err(Error::internal)?.map_err(Error::internal) };
    let (outcome, stored, sum) = tokio::try_join!(
        contents::write(ctx, scope, &request, to_zip),
        parts::store(ctx, scope, &lock, id, from_zip),
        zip,
    )?;
    let done = complete(ctx, scope, &request, id, outcome, stored, sum).await;
    if let Err(Error::Conflict { .. }) = done {
        // Withdrawn or refused meanwhile: nobody may download this.
        parts::remove(ctx, scope, id).await?;
    }
    done
}

/// Notes which export is being made, so that a later attempt finds what this one leaves behind.
async fn begin(ctx: &Ctx, scope: &TenantScope, request: &request::Model, id: ExportId) -> Result<()> {
    let tx = ctx.store.begin(scope).await?;
    tx.update_many::<request::Entity>()
        .set(request::ActiveModel {
            export_id: Set(Some(id)),
            ..Default::default()
        })
        .filter(request::Column::Id.eq(request.id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}

async fn complete(
    ctx: &Ctx,
    scope: &TenantScope,
    request: &request::Model,
    id: ExportId,
    outcome: Outcome,
    parts: i32,
    sum: Sum,
) -> Result<request::Model> {
    let tx = ctx.store.begin(scope).await?;
    let now = ctx.now();
    let expires_at = now + KEPT;
    tx.insert(export::ActiveModel {
        id: Set(id),
        request_id: Set(request.id),
        subject_id: Set(request.subject_id),
        size: Set(i64::try_from(sum.size).map_err(Error::internal)?),
        sha256: Set(sum.sha256.to_vec()),
        parts: Set(parts),
        downloads: Set(0),
        created_at: Set(now),
        expires_at: Set(expires_at),
        ..Default::default()
    })
    .await?;
    let mut event = Event::new("request.completed")
        .target("request", request.id)
        .facts(json!({
            "kind": request.kind,
            "messages": outcome.messages,
            "connections": outcome.connections,
            "consents": outcome.consents,
            "size": sum.size,
            "expires_at": expires_at,
        }));
    if let Some(subject) = request.subject_id {
        event = event.subject(subject);
    }
    let index = audit::record(&tx, ctx, event).await?;
    let changes = Changes {
        completed_at: Some(now),
        result: Some(serde_json::to_value(outcome)?),
        export: Some(id),
        audit_index: Some(index),
        ..Changes::default()
    };
    let request = requests::step(&tx, ctx, request, RequestState::Completed, changes).await?;
    let more = json!({ "outcome": outcome, "expires_at": expires_at.to_rfc3339() });
    requests::notify(&tx, ctx, &request, "request_completed_access", more).await?;
    tx.save().await?;
    Ok(request)
}
