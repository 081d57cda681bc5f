//! Erases what rested on a consent that ended.

use domain::{
    Ctx,
    consents::{self, EraseWithdrawn},
    tenancy::TenantScope,
};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope, job: &EraseWithdrawn) -> Result<(), JobError> {
    Ok(consents::erase_withdrawn(ctx, scope, job).await?)
}
