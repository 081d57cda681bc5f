//! Carries a data subject's request out.

use domain::{
    Ctx, Error, erasure, exports, pictures,
    requests::{self, FulfilRequest},
    tenancy::TenantScope,
};
use entity::request::{self, RequestKind, RequestState};

use super::JobError;
use crate::sockets::Sockets;

pub(super) async fn run(
    ctx: &Ctx,
    sockets: &dyn Sockets,
    scope: &TenantScope,
    job: &FulfilRequest,
) -> Result<(), JobError> {
    let request = requests::begin(ctx, scope, job.request).await?;
    if request.state != RequestState::InProgress {
        // It waits for a decision, or was decided or done meanwhile.
        return Ok(());
    }
    let done = match request.kind {
        RequestKind::Access | RequestKind::Portability => exports::build(ctx, scope, request).await.map(drop),
        RequestKind::Erasure => {
            let erasing = erasure::hide(ctx, scope, request).await?;
            if let Some(subject) = erasing.subject {
                sockets.close_erased(scope.tenant(), subject).await;
            }
            erasure::carry_out(ctx, scope, &erasing).await.map(drop)
        }
        RequestKind::Rectification | RequestKind::Restriction | RequestKind::Objection => {
            change(ctx, sockets, scope, request).await
        }
    };
    match done {
        // Withdrawn or refused while the work was going on: there is nothing left to do.
        Err(Error::Conflict {
            code: "wrong_state", ..
        }) => Ok(()),
        done => Ok(done?),
    }
}

/// A change that acts on who is connected. The request is completed when nothing passes any more that it stops.
async fn change(
    ctx: &Ctx,
    sockets: &dyn Sockets,
    scope: &TenantScope,
    request: request::Model,
) -> domain::Result<()> {
    let kind = request.kind;
    let applied = requests::apply(ctx, scope, request).await?;
    if let Some(subject) = applied.subject {
        match kind {
            RequestKind::Restriction => sockets.close_restricted(scope.tenant(), subject).await,
            RequestKind::Objection => {
                let endpoints = pictures::load(ctx, scope).await?;
                for purpose in &applied.purposes {
                    let pursuing = endpoints
                        .endpoints()
                        .filter(|endpoint| endpoint.row.purpose_id == Some(*purpose))
                        .map(|endpoint| endpoint.row.id)
                        .collect();
                    sockets
                        .stop_purpose(scope.tenant(), subject, *purpose, pursuing)
                        .await;
                }
            }
            _ => sockets.tell_corrected(scope.tenant(), subject).await,
        }
    }
    requests::complete(ctx, scope, &applied).await.map(drop)
}
