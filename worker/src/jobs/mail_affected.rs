//! Tells the persons whom an incident touched, some at a time.

use domain::{
    Ctx,
    incidents::{self, MailAffected},
    tenancy::TenantScope,
};

use super::JobError;

pub(super) async fn run(ctx: &Ctx, scope: &TenantScope, job: &MailAffected) -> Result<(), JobError> {
    while incidents::mail_affected(ctx, scope, job).await? {}
    Ok(())
}
