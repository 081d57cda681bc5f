//! Looks at the lines of an import, some at a time.

use domain::{
    Ctx,
    consents::{self, ImportConsents, Progress},
    tenancy::TenantScope,
};

use super::JobError;
use crate::sockets::{Sockets, end_consents};

pub(super) async fn run(
    ctx: &Ctx,
    sockets: &dyn Sockets,
    scope: &TenantScope,
    job: &ImportConsents,
) -> Result<(), JobError> {
    loop {
        match consents::run_import(ctx, scope, job).await? {
            Progress::Done => return Ok(()),
            // A withdrawal from elsewhere is one like any other.
            Progress::More(ended) => end_consents(ctx, sockets, &ended).await?,
        }
    }
}
