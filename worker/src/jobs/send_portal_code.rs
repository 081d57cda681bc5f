//! Mails a code to somebody who opened the privacy page.

use domain::{
    Ctx,
    portal::{self, SendPortalCode},
    tenancy::TenantScope,
};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope, job: &SendPortalCode) -> Result<(), JobError> {
    Ok(portal::send_code(ctx, scope, job).await?)
}
