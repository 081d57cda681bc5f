//! Who is asking, and on whose data.

use std::fmt;

use entity::id::{ApiKeyId, MemberId, TenantId};

/// Who acts. Recorded with everything that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person of the tenant.
    Member(MemberId),
    /// A program of the tenant.
    ApiKey(ApiKeyId),
    /// A data subject, through the privacy page or an own socket.
    Subject,
    /// Weir itself: retention, jobs, provisioning.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => write!(f, "member:{id}"),
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
            Self::Subject => f.write_str("subject"),
            Self::System => f.write_str("system"),
        }
    }
}

/// The right to work on one tenant's data, as somebody. Made by authentication and by claimed jobs, nowhere else.
#[derive(Clone, Debug)]
pub struct TenantScope {
    pub(super) tenant: TenantId,
    pub(super) actor: Actor,
}

impl TenantScope {
    /// Only for the modules of this crate that have just proven who is asking.
    pub(crate) fn new(tenant: TenantId, actor: Actor) -> Self {
        Self { tenant, actor }
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}
