//! Carries a data subject's request out.

use domain::{
    Ctx, Error, erasure, exports,
    requests::{self, FulfilRequest},
    tenancy::TenantScope,
};
use entity::request::{RequestKind, RequestState};

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
        RequestKind::Access => exports::build(ctx, scope, request).await.map(drop),
        RequestKind::Erasure => {
            let erasing = erasure::hide(ctx, scope, request).await?;
            if let Some(subject) = erasing.subject {
                sockets.close_erased(scope.tenant(), subject).await;
            }
            erasure::carry_out(ctx, scope, &erasing).await.map(drop)
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
