//! Looks whom an incident touched.

use domain::{
    Ctx,
    incidents::{self, ScopeIncident},
    tenancy::TenantScope,
};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope, job: &ScopeIncident) -> Result<(), JobError> {
    Ok(incidents::run_scope(ctx, scope, job).await?)
}
