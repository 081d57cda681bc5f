//! Finds out whom a request is about that names a person by a hash.

use domain::{
    Ctx,
    opendsr::{self, IdentifyPerson},
    tenancy::TenantScope,
};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope, job: &IdentifyPerson) -> Result<(), JobError> {
    Ok(opendsr::identify(ctx, scope, job).await?)
}
