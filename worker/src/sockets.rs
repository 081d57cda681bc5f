//! What the worker asks of those who hold sockets.

use async_trait::async_trait;
use broker::{Broker, Close, Notice, Scope, Selector};
use domain::{
    Ctx,
    consents::{self, Ended},
};
use entity::{
    endpoint::OnWithdrawal,
    id::{EndpointId, PurposeId, SubjectId, TenantId},
};

/// Holds end-users' sockets.
#[async_trait]
pub trait Sockets: Send + Sync {
    /// Closes every socket of a person who is being erased, and returns when nothing more goes out on them.
    async fn close_erased(&self, tenant: TenantId, subject: SubjectId);

    /// Closes or silences a person's sockets where a consent ended that they rest on, and returns when nothing more goes
    /// out on them for that purpose.
    async fn end_consent(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
        resting: &[(EndpointId, OnWithdrawal)],
    );
}

#[async_trait]
impl Sockets for Broker {
    async fn close_erased(&self, tenant: TenantId, subject: SubjectId) {
        let selector = Selector {
            tenant: tenant.0,
            scope: Scope::Subject(subject.0),
        };
        self.forget(selector.tenant, subject.0);
        self.notify(selector, Notice::SubjectErased);
        let closed = self.disconnect(selector, Close::SUBJECT_ERASED).await;
        tracing::debug!(sockets = closed.len(), "closed the sockets of an erased person");
    }

    async fn end_consent(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
        resting: &[(EndpointId, OnWithdrawal)],
    ) {
        for (endpoint, then) in resting {
            let selector = Selector {
                tenant: tenant.0,
                scope: Scope::SubjectOn {
                    subject: subject.0,
                    endpoint: endpoint.0,
                },
            };
            match then {
                OnWithdrawal::Close => self.disconnect(selector, Close::CONSENT_WITHDRAWN).await,
                OnWithdrawal::Silence => self.silence(selector, purpose.0).await,
            };
        }
        // Messages may name a purpose of their own, on any endpoint.
        let everywhere = Selector {
            tenant: tenant.0,
            scope: Scope::Subject(subject.0),
        };
        self.silence(everywhere, purpose.0).await;
    }
}

/// Ends the sockets that rested on consents which ended.
pub(crate) async fn end_consents(ctx: &Ctx, sockets: &dyn Sockets, ended: &[Ended]) -> domain::Result<()> {
    for one in ended {
        let resting = consents::resting_on(ctx, &one.scope, one.purpose).await?;
        sockets
            .end_consent(one.scope.tenant(), one.subject, one.purpose, &resting)
            .await;
    }
    Ok(())
}

/// For a process that has no sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSockets;

#[async_trait]
impl Sockets for NoSockets {
    async fn close_erased(&self, _: TenantId, _: SubjectId) {}

    async fn end_consent(&self, _: TenantId, _: SubjectId, _: PurposeId, _: &[(EndpointId, OnWithdrawal)]) {}
}
