//! Replacing the root key while others work.
//!
//! Each tenant's key is wrapped anew, one at a time and in any order; a row says by itself under which root key it is, so an
//! interrupted run goes on where it stopped. While it lasts, both root keys are known. At the end all pages get new keys:
//! a copy of the vault from before opens nothing with the old root key.

use std::sync::Arc;

use entity::vault::tenant_key;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use vault::{
    VaultError,
    key::{RootKey, TenantKey, Wrapped},
};

use super::{Keys, destroy::TENANT};
use crate::error::{Error, Result};

/// Tenants in one transaction.
const AT_ONCE: u64 = 64;

impl Keys {
    /// The root key that wraps new keys.
    pub(super) fn newest_root(&self) -> Arc<RootKey> {
        // There is always one: `new` was given it, and none is ever taken away.
        self.roots.lock()[0].clone()
    }

    /// A root key that may have wrapped what is stored. As the `newest`, it wraps what is made from now on.
    pub fn add_root(&self, root: RootKey, newest: bool) {
        let mut roots = self.roots.lock();
        if roots
            .iter()
            .any(|known| known.check_value() == root.check_value())
        {
            return;
        }
        let place = if newest { 0 } else { roots.len() };
        roots.insert(place, Arc::new(root));
    }

    /// Where to look for root keys, the newest first, when a tenant's key opens with none that is known.
    pub fn reload_roots_with(&self, source: impl Fn() -> Vec<RootKey> + Send + Sync + 'static) {
        *self.root_source.lock() = Some(Arc::new(source));
    }

    /// Asks for the root keys anew. What a new tenant's key is wrapped by is the newest.
    pub(super) fn reload_roots(&self) {
        let source = self.root_source.lock().clone();
        if let Some(source) = source {
            for root in source().into_iter().rev() {
                let mut roots = self.roots.lock();
                let known = roots
                    .iter()
                    .position(|known| known.check_value() == root.check_value());
                let root = known.map_or_else(|| Arc::new(root), |place| roots.remove(place));
                roots.insert(0, root);
            }
        }
    }

    pub(super) fn unwrap_tenant(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<TenantKey> {
        if let Ok(key) = self.unwrap_by_known(wrapped, aad) {
            return Ok(key);
        }
        self.reload_roots();
        Ok(self.unwrap_by_known(wrapped, aad)?)
    }

    fn unwrap_by_known(&self, wrapped: &Wrapped, aad: &[u8]) -> std::result::Result<TenantKey, VaultError> {
        let roots = self.roots.lock().clone();
        let mut refused = VaultError::Malformed { what: "root key" };
        for root in roots {
            match root.unwrap_tenant(wrapped, aad) {
                Ok(key) => return Ok(key),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Wraps every tenant's key by the newest root key. `told` hears how many of how many are done.
    ///
    /// # Errors
    /// `Internal` when a tenant's key opens with none of the root keys. What was done until then stays.
    pub async fn rewrap_tenants(&self, told: impl Fn(u64, u64)) -> Result<u64> {
        let newest = self.newest_root();
        let (mut done, mut anew, mut after) = (0, 0, None);
        loop {
            // Nobody renews the pages that the rows lie on meanwhile.
            let _held = self.hold_pages().await?;
            let tx = self
                .store
                .system("keys of all tenants are wrapped by a new root key")
                .await?;
            let mut rows = tx
                .find::<tenant_key::Entity>()
                .order_by_asc(tenant_key::Column::TenantId)
                .limit(AT_ONCE);
            if let Some(after) = after {
                rows = rows.filter(tenant_key::Column::TenantId.gt(after));
            }
            let rows = rows.all(tx.conn()).await?;
            let Some(last) = rows.last() else { return Ok(anew) };
            after = Some(last.tenant_id);
            for row in rows {
                let aad = row.tenant_id.0.into_bytes();
                let gone = Error::Gone {
                    what: "the tenant's key",
                };
                let inner = self.take(TENANT, row.page, row.wrapped, &aad)?.ok_or(gone)?;
                done += 1;
                if newest.unwrap_tenant(&inner, &aad).is_ok() {
                    continue;
                }
                let key = self.unwrap_tenant(&inner, &aad)?;
                let inner = newest.wrap_tenant(&key, &aad, &*self.chance);
                let stored = match row.page {
                    Some(page) => {
                        let page = self.page_key(&tx, page).await?;
                        page.lay(TENANT, &inner, &aad, &*self.chance)
                    }
                    None => inner.0,
                };
                tx.update(tenant_key::ActiveModel {
                    tenant_id: Set(row.tenant_id),
                    wrapped: Set(stored),
                    ..Default::default()
                })
                .await?;
                anew += 1;
            }
            tx.save().await?;
            told(done, anew);
        }
    }
}
