//! Keys of tenants.

use std::sync::Arc;

use entity::{id::TenantId, vault::tenant_key};
use sea_orm::Set;
use vault::key::{IndexKey, SigningSeed, TenantKey, Wrapped};

use super::Keys;
use crate::error::{Error, Result};

/// A tenant's key and what hangs on it directly.
pub struct TenantKeys {
    /// Seals the tenant's own secrets and wraps all keys below.
    pub tenant: TenantKey,
    /// Makes lookups of sealed values possible.
    pub index: IndexKey,
    /// Signs the tenant's checkpoints.
    pub signing: SigningSeed,
}

impl Keys {
    /// Makes the keys of a new tenant. Before the tenant's row: a key without a tenant harms nobody.
    pub async fn create_tenant(&self, tenant: TenantId) -> Result<()> {
        let key = TenantKey::generate(&*self.chance);
        let signing = SigningSeed::generate(&*self.chance);
        let aad = tenant.0.into_bytes();
        let row = tenant_key::ActiveModel {
            tenant_id: Set(tenant),
            wrapped: Set(self.root.wrap_tenant(&key, &aad, &*self.chance).0),
            signing_wrapped: Set(key.wrap_signing(&signing, &aad, &*self.chance).0),
            created_at: Set(self.clock.now()),
        };
        let tx = self.store.system("the vault keeps keys of all tenants").await?;
        tx.insert(row).await?;
        tx.save().await?;
        Ok(())
    }

    /// The keys of a tenant.
    ///
    /// # Errors
    /// `Gone` when they were destroyed: then nothing of the tenant can be read any more.
    pub async fn tenant(&self, tenant: TenantId) -> Result<Arc<TenantKeys>> {
        if let Some(keys) = self.cache.lock().tenants.get(&tenant) {
            return Ok(keys.clone());
        }
        let generation = self.generation();
        let tx = self
            .store
            .system_read("the vault keeps keys of all tenants")
            .await?;
        let row = tx
            .find_by_id::<tenant_key::Entity, _>(tenant)
            .one(tx.conn())
            .await?;
        let row = row.ok_or(Error::Gone {
            what: "the tenant's key",
        })?;
        let aad = tenant.0.into_bytes();
        let key = self.root.unwrap_tenant(&Wrapped(row.wrapped), &aad)?;
        let signing = key.unwrap_signing(&Wrapped(row.signing_wrapped), &aad)?;
        let keys = Arc::new(TenantKeys {
            index: key.index_key(),
            tenant: key,
            signing,
        });
        let mut cache = self.cache.lock();
        if cache.generation == generation {
            cache.tenants.insert(tenant, keys.clone());
        }
        Ok(keys)
    }
}
