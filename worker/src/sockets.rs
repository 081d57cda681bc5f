//! The one thing the worker asks of those who hold sockets.

use async_trait::async_trait;
use broker::{Broker, Close, Notice, Scope, Selector};
use entity::id::{EndpointId, PurposeId, SubjectId, TenantId};

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

    /// Tells every socket of a person that their data were corrected.
    async fn tell_corrected(&self, tenant: TenantId, subject: SubjectId);
}

fn everywhere(tenant: TenantId, subject: SubjectId) -> Selector {
    Selector {
        tenant: tenant.0,
        scope: Scope::Subject(subject.0),
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
            let there = Selector {
                tenant: tenant.0,
                scope: Scope::SubjectOn {
                    subject: subject.0,
                    endpoint: endpoint.0,
                },
            };
            self.disconnect(there, Close::PROCESSING_RESTRICTED).await;
        }
        self.silence(everywhere(tenant, subject), purpose.0).await;
    }

    async fn tell_corrected(&self, tenant: TenantId, subject: SubjectId) {
        self.notify(everywhere(tenant, subject), Notice::DataCorrected);
    }
}

/// For a process that has no sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSockets;

#[async_trait]
impl Sockets for NoSockets {
    async fn close_erased(&self, _: TenantId, _: SubjectId) {}

    async fn close_restricted(&self, _: TenantId, _: SubjectId) {}

    async fn stop_purpose(&self, _: TenantId, _: SubjectId, _: PurposeId, _: Vec<EndpointId>) {}

    async fn tell_corrected(&self, _: TenantId, _: SubjectId) {}
}
