//! Handing an export out, part by part.

use entity::{
    export,
    request::{self, RequestState},
};
use sea_orm::{
    ColumnTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::parts::{self, Lock};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    tenancy::{TenantScope, TenantTx},
};

/// An export being downloaded.
pub struct Download {
    /// As stored.
    pub export: export::Model,
    ctx: Ctx,
    scope: TenantScope,
    lock: Lock,
    next: i32,
}

impl Download {
    /// The next part, or none after the last.
    pub async fn next_part(&mut self) -> Result<Option<Vec<u8>>> {
        if self.next >= self.export.parts {
            return Ok(None);
        }
        let part = parts::take(&self.ctx, &self.scope, &self.lock, &self.export, self.next).await?;
        self.next += 1;
        Ok(Some(part))
    }
}

/// The export of a request, if there is one that can still be downloaded.
pub async fn find(tx: &TenantTx, ctx: &Ctx, request: &request::Model) -> Result<Option<export::Model>> {
    let Some(id) = request.export_id else {
        return Ok(None);
    };
    Ok(tx
        .find_by_id::<export::Entity, _>(id)
        .filter(export::Column::ExpiresAt.gt(ctx.now()))
        .one(tx.conn())
        .await?)
}

/// Begins a download: counted, and recorded in the audit log.
///
/// # Errors
/// `wrong_state` before the export is made, `Gone` when its time is over or the person was erased.
pub async fn download(ctx: &Ctx, scope: &TenantScope, request: &request::Model) -> Result<Download> {
    let tx = ctx.store.begin(scope).await?;
    let Some(mut export) = find(&tx, ctx, request).await? else {
        return Err(match request.state {
            RequestState::Completed => Error::Gone { what: "the export" },
            _ => Error::conflict("wrong_state", "there is no export of this request (yet)"),
        });
    };
    let lock = Lock::of(ctx, scope.tenant(), export.subject_id).await?;
    tx.update_many::<export::Entity>()
        .col_expr(
            export::Column::Downloads,
            Expr::col(export::Column::Downloads).add(1),
        )
        .filter(export::Column::Id.eq(export.id))
        .exec(tx.conn())
        .await?;
    export.downloads += 1;
    let mut event = Event::new("export.downloaded")
        .target("request", request.id)
        .facts(json!({ "size": export.size, "download": export.downloads }));
    if let Some(subject) = export.subject_id {
        event = event.subject(subject);
    }
    audit::record(&tx, ctx, event).await?;
    tx.save().await?;
    Ok(Download {
        export,
        ctx: ctx.clone(),
        scope: scope.clone(),
        lock,
        next: 0,
    })
}
