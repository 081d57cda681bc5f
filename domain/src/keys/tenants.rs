//! Keys of tenants.

use std::sync::Arc;

use arc_swap::ArcSwap;
use entity::{
    id::TenantId,
    vault::{bucket_key, subject_key, tenant_key},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, Set};
use vault::{
    key::{IndexKey, SigningSeed, TenantKey, Wrapped},
    keyring::TenantRing,
};

use super::{
    Keys, READS,
    destroy::{Doom, Shelf, TENANT},
};
use crate::error::{Error, Result};

/// A tenant's key and what hangs on it directly.
pub struct TenantKeys {
    /// Seals the tenant's own secrets and wraps all keys below.
    pub tenant: TenantRing,
    /// Makes lookups of sealed values possible.
    pub index: IndexKey,
    /// Signs the tenant's checkpoints.
    pub signing: SigningSeed,
    /// Will sign them, while one key hands over to the other.
    pub signing_next: Option<SigningSeed>,
}

/// A tenant's keys as they are at the moment, for those who hold them for long and cannot wait.
pub type LiveTenantKeys = Arc<ArcSwap<TenantKeys>>;

/// Live keys, before those that nobody holds any more are let go.
const MAX_LIVE: usize = 10_000;

impl Keys {
    /// Makes the keys of a new tenant. Before the tenant's row: a key without a tenant harms nobody.
    pub async fn create_tenant(&self, tenant: TenantId) -> Result<()> {
        let key = TenantKey::generate(&*self.chance);
        let signing = SigningSeed::generate(&*self.chance);
        let aad = tenant.0.into_bytes();
        self.reload_roots();
        let inner = self.newest_root().wrap_tenant(&key, &aad, &*self.chance);
        let tx = self.store.system("the vault keeps keys of all tenants").await?;
        for place in self.places(&tx, Shelf::Tenants, 1).await? {
            tx.insert(tenant_key::ActiveModel {
                tenant_id: Set(tenant),
                wrapped: Set(place.key.lay(TENANT, &inner, &aad, &*self.chance)),
                page: Set(Some(place.page)),
                signing_wrapped: Set(key.wrap_signing(&signing, &aad, &*self.chance).0),
                signing_next: Set(None),
                index_wrapped: Set(None),
                other: Set(None),
                rotation: Set(None),
                rotation_at: Set(None),
                rotated_at: Set(None),
                created_at: Set(self.clock.now()),
            })
            .await?;
        }
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
        for _ in 0..READS {
            let generation = self.generation();
            let tx = self
                .store
                .system_read("the vault keeps keys of all tenants")
                .await?;
            let row = tx
                .find_by_id::<tenant_key::Entity, _>(tenant)
                .one(tx.conn())
                .await?;
            drop(tx);
            let Some(row) = row else { break };
            let aad = tenant.0.into_bytes();
            let Some(wrapped) = self.take(TENANT, row.page, row.wrapped, &aad)? else {
                continue;
            };
            let key = self.unwrap_tenant(&wrapped, &aad)?;
            let index = match row.index_wrapped {
                Some(index) => key.unwrap_index(&Wrapped(index), &aad)?,
                None => key.index_key(),
            };
            let other = row.other.map(|other| key.unwrap_other(&Wrapped(other), &aad));
            let ring = match other.transpose()? {
                Some(other) => TenantRing::of_two(key, other),
                None => TenantRing::from(key),
            };
            let signing = ring.unwrap_signing(&Wrapped(row.signing_wrapped), &aad)?;
            let next = row.signing_next;
            let signing_next = next.map(|next| ring.unwrap_signing(&Wrapped(next), &aad));
            let signing_next = signing_next.transpose()?;
            let keys = Arc::new(TenantKeys {
                index,
                tenant: ring,
                signing,
                signing_next,
            });
            if let Some(live) = self.live.lock().get(&tenant) {
                live.store(keys.clone());
            }
            let mut cache = self.cache.lock();
            if cache.generation == generation {
                cache.tenants.insert(tenant, keys.clone());
            }
            return Ok(keys);
        }
        Err(Error::Gone {
            what: "the tenant's key",
        })
    }

    /// The keys of a tenant, which follow their replacement as long as they are held.
    pub async fn live_tenant(&self, tenant: TenantId) -> Result<LiveTenantKeys> {
        let keys = self.tenant(tenant).await?;
        let mut live = self.live.lock();
        if live.len() >= MAX_LIVE {
            live.retain(|_, held| Arc::strong_count(held) > 1);
        }
        let held = live.entry(tenant).or_insert_with(|| Arc::new(ArcSwap::new(keys)));
        Ok(held.clone())
    }

    /// Reads a tenant's keys anew, now.
    pub async fn reread_tenant(&self, tenant: TenantId) -> Result<()> {
        self.forget_tenant(tenant);
        self.tenant(tenant).await.map(drop)
    }

    /// Reads a tenant's keys anew when they are needed next: another process may have changed them.
    pub fn forget_tenant(&self, tenant: TenantId) {
        let mut cache = self.cache.lock();
        cache.generation += 1;
        cache.tenants.remove(&tenant);
    }

    /// Destroys a tenant's key, and with it everything of the tenant, whatever there is of it and wherever. The keys
    /// below, which open nothing any more, are removed too. Answers whether there was one.
    pub async fn destroy_tenant(&self, tenant: TenantId) -> Result<bool> {
        let row = Condition::all().add(tenant_key::Column::TenantId.eq(tenant));
        let destroyed = self.destroy(&Doom::Tenants(row)).await?;
        {
            let mut cache = self.cache.lock();
            cache.generation += 1;
            cache.tenants.remove(&tenant);
            cache.subjects.retain(|name, _| name.tenant != tenant);
            cache.pairs.retain(|(name, _), _| name.tenant != tenant);
            // Buckets do not say whose they are; whoever still has one reads it again.
            cache.buckets.clear();
            cache.open.clear();
        }
        self.live.lock().remove(&tenant);
        self.tell_destroyed();
        let tx = self.store.system("what a tenant leaves in the vault").await?;
        tx.delete_many::<subject_key::Entity>()
            .filter(subject_key::Column::TenantId.eq(tenant))
            .exec(tx.conn())
            .await?;
        tx.delete_many::<bucket_key::Entity>()
            .filter(bucket_key::Column::TenantId.eq(tenant))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        Ok(destroyed > 0)
    }

    /// Makes the key that will sign the tenant's log next, unless it is there already.
    pub(crate) async fn prepare_signing(&self, tenant: TenantId) -> Result<Arc<TenantKeys>> {
        let keys = self.tenant(tenant).await?;
        let aad = tenant.0.into_bytes();
        let next = SigningSeed::generate(&*self.chance);
        let wrapped = keys.tenant.wrap_signing(&next, &aad, &*self.chance).0;
        let tx = self.store.system("the next key of a tenant's log").await?;
        tx.update_many::<tenant_key::Entity>()
            .set(tenant_key::ActiveModel {
                signing_next: Set(Some(wrapped)),
                ..Default::default()
            })
            .filter(tenant_key::Column::TenantId.eq(tenant))
            .filter(tenant_key::Column::SigningNext.is_null())
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        self.forget_tenant(tenant);
        self.tenant(tenant).await
    }

    /// Lets the next key of the tenant's log be the only one.
    pub(crate) async fn finish_signing(&self, tenant: TenantId) -> Result<()> {
        {
            let _held = self.hold_pages().await?;
            let tx = self.store.system("the next key of a tenant's log").await?;
            let row = tx
                .find_by_id::<tenant_key::Entity, _>(tenant)
                .one(tx.conn())
                .await?;
            let Some((row, next)) = row.and_then(|row| row.signing_next.clone().map(|next| (row, next)))
            else {
                return Ok(());
            };
            tx.update(tenant_key::ActiveModel {
                tenant_id: Set(tenant),
                signing_wrapped: Set(next),
                signing_next: Set(None),
                ..Default::default()
            })
            .await?;
            // Older copies of the vault must not sign: the tenant's key in them, which the old seed is wrapped by, goes.
            let pages = row.page.into_iter().collect();
            self.renew(tx, pages, &Doom::Nothing).await?;
        }
        self.forget_tenant(tenant);
        Ok(())
    }
}
