//! What admission needs to know of endpoints, catalogue and rules, compiled and in memory.

use entity::id::TenantId;

/// The pictures of all tenants that are in use.
#[derive(Debug, Default)]
pub struct Pictures {}

impl Pictures {
    /// Something of this tenant's endpoints, catalogue or rules changed; the next use reads it again.
    pub fn forget(&self, _tenant: TenantId) {}
}
