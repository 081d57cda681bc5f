//! What each kind of job does. A new kind is a file here and a line in [`run`].

mod erase_withdrawn;
mod fulfil_request;
mod identify_person;
mod import_consents;
mod mail_affected;
mod remove_tenant;
mod scope_incident;
mod send_portal_code;
mod send_status_callback;

use broker::egress::Egress;
use domain::{
    Ctx, Error,
    consents::{EraseWithdrawn, ImportConsents},
    incidents::{MailAffected, ScopeIncident},
    jobs::{Claimed, Job},
    opendsr::{IdentifyPerson, SendStatusCallback},
    portal::SendPortalCode,
    requests::FulfilRequest,
    tenants::RemoveTenant,
};

use crate::sockets::Sockets;

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct JobError {
    /// Whether another attempt can help.
    pub(crate) retry: bool,
    source: anyhow::Error,
}

impl JobError {
    /// Another attempt may succeed.
    pub(crate) fn retry(source: impl Into<anyhow::Error>) -> Self {
        Self {
            retry: true,
            source: source.into(),
        }
    }

    /// No attempt can succeed.
    pub(crate) fn fail(source: impl Into<anyhow::Error>) -> Self {
        Self {
            retry: false,
            source: source.into(),
        }
    }

    /// What is stored and shown with the job: the causes, which hold nothing personal.
    pub(crate) fn reason(&self) -> String {
        format!("{:#}", self.source)
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } | Error::Gone { .. } | Error::Invalid(_) | Error::Conflict { .. } => {
                Self::fail(error)
            }
            // The text of these says nothing; their cause does.
            Error::Internal(source) => Self::retry(source),
            other => Self::retry(other),
        }
    }
}

/// How many attempts a kind of job gets.
pub(crate) fn attempts(kind: &str) -> i32 {
    match kind {
        EraseWithdrawn::KIND => EraseWithdrawn::ATTEMPTS,
        FulfilRequest::KIND => FulfilRequest::ATTEMPTS,
        IdentifyPerson::KIND => IdentifyPerson::ATTEMPTS,
        ImportConsents::KIND => ImportConsents::ATTEMPTS,
        RemoveTenant::KIND => RemoveTenant::ATTEMPTS,
        MailAffected::KIND => MailAffected::ATTEMPTS,
        ScopeIncident::KIND => ScopeIncident::ATTEMPTS,
        SendPortalCode::KIND => SendPortalCode::ATTEMPTS,
        SendStatusCallback::KIND => SendStatusCallback::ATTEMPTS,
        _ => 10,
    }
}

/// Does a job.
pub(crate) async fn run(
    ctx: &Ctx,
    sockets: &dyn Sockets,
    egress: &Egress,
    claimed: &Claimed,
) -> Result<(), JobError> {
    match claimed.job.kind.as_str() {
        EraseWithdrawn::KIND => erase_withdrawn::run(ctx, &claimed.scope, &claimed.payload()?).await,
        FulfilRequest::KIND => fulfil_request::run(ctx, sockets, &claimed.scope, &claimed.payload()?).await,
        IdentifyPerson::KIND => identify_person::run(ctx, &claimed.scope, &claimed.payload()?).await,
        ImportConsents::KIND => import_consents::run(ctx, sockets, &claimed.scope, &claimed.payload()?).await,
        RemoveTenant::KIND => remove_tenant::run(ctx, &claimed.scope, &claimed.payload()?).await,
        ScopeIncident::KIND => scope_incident::run(ctx, &claimed.scope, &claimed.payload()?).await,
        MailAffected::KIND => mail_affected::run(ctx, &claimed.scope, &claimed.payload()?).await,
        SendPortalCode::KIND => send_portal_code::run(ctx, &claimed.scope, &claimed.payload()?).await,
        SendStatusCallback::KIND => {
            send_status_callback::run(ctx, egress, &claimed.scope, &claimed.payload()?).await
        }
        // A newer program ordered it, and one of its workers will do it.
        kind => Err(JobError::retry(anyhow::anyhow!(
            "this program does not know the job {kind}"
        ))),
    }
}
