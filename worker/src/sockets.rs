//! The one thing the worker asks of those who hold sockets.

use async_trait::async_trait;
use broker::{Broker, Close, Notice, Scope, Selector};
use entity::id::{SubjectId, TenantId};

/// Holds end-users' sockets.
#[async_trait]
pub trait Sockets: Send + Sync {
    /// Closes every socket of a person who is being erased, and returns when nothing more goes out on them.
    async fn close_erased(&self, tenant: TenantId, subject: SubjectId);
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
}

/// For a process that has no sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSockets;

#[async_trait]
impl Sockets for NoSockets {
    async fn close_erased(&self, _: TenantId, _: SubjectId) {}
}
