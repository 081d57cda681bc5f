//! Tells a controller how a request that it handed on stands.

use std::time::Duration;

use broker::egress::Egress;
use domain::{
    Ctx,
    opendsr::{self, SendStatusCallback},
    tenancy::TenantScope,
    webhooks::Outcome,
};

use super::JobError;
use crate::sender::Sender;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(
    ctx: &Ctx,
    egress: &Egress,
    scope: &TenantScope,
    job: &SendStatusCallback,
) -> Result<(), JobError> {
    let call = opendsr::call(ctx, scope, job).await?;
    let outcome = match Sender::to(egress, &call.url, PATIENCE).await {
        Ok(sender) => sender.send(&call.headers, &call.body).await,
        Err(fault) => Outcome::Failed(fault),
    };
    // Neither the address nor what was answered: both are the controller's.
    match outcome {
        Outcome::Answered(200..=299) => Ok(()),
        Outcome::Answered(410) => Err(JobError::fail(anyhow::anyhow!(
            "the receiver says that it is gone"
        ))),
        Outcome::Answered(status) => Err(JobError::retry(anyhow::anyhow!("the receiver answered {status}"))),
        Outcome::Failed(fault) => Err(JobError::retry(anyhow::anyhow!(
            "it could not be delivered: {fault}"
        ))),
    }
}
