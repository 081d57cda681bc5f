//! What a tenant may use.

use entity::tenant;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Ceilings of a tenant. Stored with the tenant; new tenants get those of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// Endpoints.
    pub endpoints: i64,
    /// Open connections at a time.
    pub connections: i64,
    /// Messages per day (UTC).
    pub messages_per_day: i64,
    /// Bytes of stored messages.
    pub stored_bytes: i64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            endpoints: 100,
            connections: 100_000,
            messages_per_day: 1_000_000_000,
            stored_bytes: 100 << 30,
        }
    }
}

impl Quotas {
    /// The ceilings of a tenant.
    pub fn of(tenant: &tenant::Model) -> Result<Self> {
        Ok(serde_json::from_value(tenant.quotas.clone())?)
    }

    /// Refuses when one more endpoint would be too many.
    pub fn check_endpoints(&self, existing: u64) -> Result<()> {
        if i64::try_from(existing).unwrap_or(i64::MAX) >= self.endpoints {
            return Err(Error::OverQuota {
                quota: "endpoints",
                limit: self.endpoints,
            });
        }
        Ok(())
    }
}
