//! What the worker asks of those who hold sockets: to stop what may go on no longer, before it is done elsewhere.

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

    /// Closes every socket of a person whose data are stored and nothing else from now on.
    async fn close_restricted(&self, tenant: TenantId, subject: SubjectId);

    /// Stops a purpose on every socket of a person: closes those on endpoints that pursue it, and drops what waits of it
    /// on the others.
    async fn stop_purpose(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
        endpoints: Vec<EndpointId>,
    );

    /// Closes or silences a person's sockets where a consent ended that they rest on, and returns when nothing more goes
    /// out on them for that purpose.
    async fn end_consent(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
        resting: &[(EndpointId, OnWithdrawal)],
    );

    /// Tells every socket of a person that their data were corrected.
    async fn tell_corrected(&self, tenant: TenantId, subject: SubjectId);

    /// Returns when everything that was changed so far acts on all nodes.
    async fn settled(&self);
}

/// All sockets of a person.
fn everywhere(tenant: TenantId, subject: SubjectId) -> Selector {
    Selector {
        tenant: tenant.0,
        scope: Scope::Subject(subject.0),
    }
}

/// Those of a person on one endpoint.
fn there(tenant: TenantId, subject: SubjectId, endpoint: EndpointId) -> Selector {
    Selector {
        tenant: tenant.0,
        scope: Scope::SubjectOn {
            subject: subject.0,
            endpoint: endpoint.0,
        },
    }
}

#[async_trait]
impl Sockets for Broker {
    async fn close_erased(&self, tenant: TenantId, subject: SubjectId) {
        let person = everywhere(tenant, subject);
        self.forget(person.tenant, subject.0);
        self.notify(person, Notice::SubjectErased);
        let closed = self.disconnect(person, Close::SUBJECT_ERASED).await;
        tracing::debug!(sockets = closed.len(), "closed the sockets of an erased person");
    }

    async fn close_restricted(&self, tenant: TenantId, subject: SubjectId) {
        let person = everywhere(tenant, subject);
        self.forget(person.tenant, subject.0);
        self.notify(person, Notice::ProcessingRestricted);
        self.disconnect(person, Close::PROCESSING_RESTRICTED).await;
    }

    async fn stop_purpose(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
        endpoints: Vec<EndpointId>,
    ) {
        for endpoint in endpoints {
            self.disconnect(there(tenant, subject, endpoint), Close::PROCESSING_RESTRICTED)
                .await;
        }
        self.silence(everywhere(tenant, subject), purpose.0).await;
    }

    async fn end_consent(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
        resting: &[(EndpointId, OnWithdrawal)],
    ) {
        for (endpoint, then) in resting {
            let there = there(tenant, subject, *endpoint);
            match then {
                OnWithdrawal::Close => self.disconnect(there, Close::CONSENT_WITHDRAWN).await,
                OnWithdrawal::Silence => self.silence(there, purpose.0).await,
            };
        }
        // Messages may name a purpose of their own, on any endpoint.
        self.silence(everywhere(tenant, subject), purpose.0).await;
    }

    async fn tell_corrected(&self, tenant: TenantId, subject: SubjectId) {
        self.notify(everywhere(tenant, subject), Notice::DataCorrected);
    }

    async fn settled(&self) {
        Self::settled(self).await;
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
    if !ended.is_empty() {
        sockets.settled().await;
    }
    Ok(())
}

/// For a process that has no sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSockets;

#[async_trait]
impl Sockets for NoSockets {
    async fn close_erased(&self, _: TenantId, _: SubjectId) {}

    async fn close_restricted(&self, _: TenantId, _: SubjectId) {}

    async fn stop_purpose(&self, _: TenantId, _: SubjectId, _: PurposeId, _: Vec<EndpointId>) {}

    async fn end_consent(&self, _: TenantId, _: SubjectId, _: PurposeId, _: &[(EndpointId, OnWithdrawal)]) {}

    async fn tell_corrected(&self, _: TenantId, _: SubjectId) {}

    async fn settled(&self) {}
}
