//! Removes what is left of a tenant that was deleted.

use domain::{Ctx, tenancy::TenantScope, tenants};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope) -> Result<(), JobError> {
    // Whatever it is, it must be tried again: nobody else would remove the rest.
    tenants::remove(ctx, scope).await.map_err(JobError::retry)
}
