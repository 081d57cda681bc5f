//! Removes what is left of a tenant that was deleted.

use domain::{
    Ctx,
    tenancy::TenantScope,
    tenants::{self, RemoveTenant},
};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope, job: &RemoveTenant) -> Result<(), JobError> {
    // Whatever it is, it must be tried again: nobody else would remove the rest.
    tenants::remove(ctx, scope, job).await.map_err(JobError::retry)
}
