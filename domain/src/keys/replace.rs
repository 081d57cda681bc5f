//! Replacing a tenant's key while everybody goes on.
//!
//! 1. *Announced*: the next key is made, and stored under the one in use. Nothing is sealed by it, and every process reads it.
//! 2. *Replacing*: the two change places. What is under the key of before is sealed anew: keys of persons and buckets
//!    here, values by [`crate::tenant_key`].
//! 3. Once nothing more is found under it, the key of before goes, and the page that it lay on gets a new key: no copy of the
//!    vault has it any more.
//!
//! The key of lookups and the one that signs are kept, under the new key.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{
    id::TenantId,
    vault::{
        bucket_key, subject_key,
        tenant_key::{self, Column, Rotation},
    },
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, Set};
use vault::key::{TenantKey, Wrapped};

use super::{
    Keys, buckets,
    destroy::{BUCKET, Doom, SUBJECT, TENANT, name_of, pages_of},
    subjects,
};
use crate::{
    changes::Change,
    error::{Error, Result},
    tenancy::SystemTx,
};

const REASON: &str = "a tenant's key is replaced";
/// Pages whose rows are wrapped anew in one transaction.
const PAGES_AT_ONCE: usize = 16;

impl Keys {
    /// Makes a tenant's next key, and lets every process know it. Whether there was none on its way already.
    pub(crate) async fn announce_tenant_key(&self, tenant: TenantId) -> Result<bool> {
        let _held = self.hold_pages().await?;
        let tx = self.store.system(REASON).await?;
        let row = row_of(&tx, tenant).await?;
        if row.rotation.is_some() {
            return Ok(false);
        }
        let aad = tenant.0.into_bytes();
        let next = TenantKey::generate(&*self.chance);
        let other = self.key_of(&row)?.wrap_other(&next, &aad, &*self.chance).0;
        tx.update(tenant_key::ActiveModel {
            tenant_id: Set(tenant),
            other: Set(Some(other)),
            rotation: Set(Some(Rotation::Announced)),
            rotation_at: Set(Some(self.clock.now())),
            ..Default::default()
        })
        .await?;
        tx.save().await?;
        self.tell_tenant(tenant).await?;
        Ok(true)
    }

    /// From now on the announced key seals.
    pub(crate) async fn turn_tenant_key(&self, tenant: TenantId) -> Result<()> {
        let _held = self.hold_pages().await?;
        let tx = self.store.system(REASON).await?;
        let row = row_of(&tx, tenant).await?;
        let (Some(Rotation::Announced), Some(other)) = (row.rotation, &row.other) else {
            // Another process was faster.
            return Ok(());
        };
        let (aad, chance) = (tenant.0.into_bytes(), &*self.chance);
        let old = self.key_of(&row)?;
        let new = old.unwrap_other(&Wrapped(other.clone()), &aad)?;
        let index = match row.index_wrapped.clone() {
            Some(index) => old.unwrap_index(&Wrapped(index), &aad)?,
            None => old.index_key(),
        };
        let anew = |seed: Vec<u8>| -> Result<Vec<u8>> {
            let seed = old.unwrap_signing(&Wrapped(seed), &aad)?;
            Ok(new.wrap_signing(&seed, &aad, chance).0)
        };
        let inner = self.newest_root().wrap_tenant(&new, &aad, chance);
        let wrapped = match row.page {
            Some(page) => self.page_key(&tx, page).await?.lay(TENANT, &inner, &aad, chance),
            None => inner.0,
        };
        let now = Some(self.clock.now());
        tx.update(tenant_key::ActiveModel {
            tenant_id: Set(tenant),
            wrapped: Set(wrapped),
            other: Set(Some(new.wrap_other(&old, &aad, chance).0)),
            index_wrapped: Set(Some(new.wrap_index(&index, &aad, chance).0)),
            signing_wrapped: Set(anew(row.signing_wrapped)?),
            signing_next: Set(row.signing_next.map(anew).transpose()?),
            rotation: Set(Some(Rotation::Replacing)),
            rotation_at: Set(now),
            rotated_at: Set(now),
            ..Default::default()
        })
        .await?;
        tx.save().await?;
        self.tell_tenant(tenant).await?;
        Ok(())
    }

    /// Wraps anew what is under the key of before: keys of persons, of buckets, and the seeds that sign. Their pages get new
    /// keys, so that no copy of the vault has them under it. Answers how many there were.
    pub(crate) async fn rewrap_under_new(&self, tenant: TenantId) -> Result<u64> {
        let view = self.store.system_read(REASON).await?;
        let persons = Condition::all().add(subject_key::Column::TenantId.eq(tenant));
        let slices = Condition::all().add(bucket_key::Column::TenantId.eq(tenant));
        let mut pages = pages_of::<subject_key::Entity>(&view, subject_key::Column::Page, &persons).await?;
        pages.extend(pages_of::<bucket_key::Entity>(&view, bucket_key::Column::Page, &slices).await?);
        drop(view);
        let pages: Vec<i64> = pages.into_iter().collect();
        let mut anew = self.rewrap_seeds(tenant).await?;
        for some in pages.chunks(PAGES_AT_ONCE) {
            let _held = self.hold_pages().await?;
            let tx = self.store.system(REASON).await?;
            let mut touched = BTreeSet::new();
            anew += self.rewrap_persons(&tx, tenant, some, &mut touched).await?;
            anew += self.rewrap_buckets(&tx, tenant, some, &mut touched).await?;
            if !touched.is_empty() {
                self.renew(tx, touched, &Doom::Nothing).await?;
            }
        }
        Ok(anew)
    }

    async fn rewrap_persons(
        &self,
        tx: &SystemTx,
        tenant: TenantId,
        pages: &[i64],
        touched: &mut BTreeSet<i64>,
    ) -> Result<u64> {
        let keys = self.tenant(tenant).await?;
        let rows = tx
            .find::<subject_key::Entity>()
            .filter(subject_key::Column::TenantId.eq(tenant))
            .filter(subject_key::Column::Page.is_in(pages.iter().copied()))
            .all(tx.conn())
            .await?;
        let mut anew = 0;
        for row in rows {
            let aad = subjects::aad(name_of(&row));
            let (Some(page), Some(inner)) = (row.page, self.take(SUBJECT, row.page, row.wrapped, &aad)?)
            else {
                continue;
            };
            let Some(inner) = keys.tenant.rewrap_subject(&inner, &aad, &*self.chance) else {
                continue;
            };
            let laid = self
                .page_key(tx, page)
                .await?
                .lay(SUBJECT, &inner, &aad, &*self.chance);
            tx.update(subject_key::ActiveModel {
                tenant_id: Set(tenant),
                subject_id: Set(row.subject_id),
                purpose_id: Set(row.purpose_id),
                wrapped: Set(laid),
                ..Default::default()
            })
            .await?;
            touched.insert(page);
            anew += 1;
        }
        Ok(anew)
    }

    async fn rewrap_buckets(
        &self,
        tx: &SystemTx,
        tenant: TenantId,
        pages: &[i64],
        touched: &mut BTreeSet<i64>,
    ) -> Result<u64> {
        let keys = self.tenant(tenant).await?;
        let rows = tx
            .find::<bucket_key::Entity>()
            .filter(bucket_key::Column::TenantId.eq(tenant))
            .filter(bucket_key::Column::Page.is_in(pages.iter().copied()))
            .all(tx.conn())
            .await?;
        let mut anew = 0;
        for row in rows {
            let aad = buckets::aad(tenant, row.id, row.class_id);
            let (Some(page), Some(inner)) = (row.page, self.take(BUCKET, row.page, row.wrapped, &aad)?)
            else {
                continue;
            };
            let Some(inner) = keys.tenant.rewrap_bucket(&inner, &aad, &*self.chance) else {
                continue;
            };
            let laid = self
                .page_key(tx, page)
                .await?
                .lay(BUCKET, &inner, &aad, &*self.chance);
            tx.update(bucket_key::ActiveModel {
                id: Set(row.id),
                wrapped: Set(laid),
                ..Default::default()
            })
            .await?;
            touched.insert(page);
            anew += 1;
        }
        Ok(anew)
    }

    /// A seed that a process wrapped by the key of before while the two changed places.
    async fn rewrap_seeds(&self, tenant: TenantId) -> Result<u64> {
        let _held = self.hold_pages().await?;
        let keys = self.tenant(tenant).await?;
        let tx = self.store.system(REASON).await?;
        let row = row_of(&tx, tenant).await?;
        let aad = tenant.0.into_bytes();
        let anew = |seed: Vec<u8>| keys.tenant.rewrap_signing(&Wrapped(seed), &aad, &*self.chance);
        let Some(next) = row.signing_next.and_then(anew) else {
            return Ok(0);
        };
        tx.update(tenant_key::ActiveModel {
            tenant_id: Set(tenant),
            signing_next: Set(Some(next.0)),
            ..Default::default()
        })
        .await?;
        tx.save().await?;
        self.forget_tenant(tenant);
        Ok(1)
    }

    /// Destroys the key of before. Nothing is under it any more.
    pub(crate) async fn drop_old_tenant_key(&self, tenant: TenantId) -> Result<()> {
        {
            let _held = self.hold_pages().await?;
            let tx = self.store.system(REASON).await?;
            let row = row_of(&tx, tenant).await?;
            if row.rotation != Some(Rotation::Replacing) {
                return Ok(());
            }
            tx.update(tenant_key::ActiveModel {
                tenant_id: Set(tenant),
                other: Set(None),
                rotation: Set(None),
                rotation_at: Set(None),
                ..Default::default()
            })
            .await?;
            self.renew(tx, row.page.into_iter().collect(), &Doom::Nothing)
                .await?;
        }
        self.tell_tenant(tenant).await?;
        Ok(())
    }

    /// How a tenant's key stands.
    pub(crate) async fn tenant_key_row(&self, tenant: TenantId) -> Result<tenant_key::Model> {
        row_of(&self.store.system_read(REASON).await?, tenant).await
    }

    /// Tenants whose key is being replaced.
    pub(crate) async fn rotations(&self) -> Result<Vec<tenant_key::Model>> {
        let view = self.store.system_read(REASON).await?;
        Ok(view
            .find::<tenant_key::Entity>()
            .filter(Column::Rotation.is_not_null())
            .all(view.conn())
            .await?)
    }

    /// Notes that a rotation is looked after now. Whether it is this process that does, of those that saw `seen`.
    pub(crate) async fn claim_rotation(&self, tenant: TenantId, seen: Option<DateTime<Utc>>) -> Result<bool> {
        let tx = self.store.system(REASON).await?;
        let claimed = tx
            .update_many::<tenant_key::Entity>()
            .set(tenant_key::ActiveModel {
                rotation_at: Set(Some(self.clock.now())),
                ..Default::default()
            })
            .filter(Column::TenantId.eq(tenant))
            .filter(Column::Rotation.eq(Rotation::Replacing))
            .filter(Column::RotationAt.eq(seen))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        Ok(claimed.rows_affected == 1)
    }

    fn key_of(&self, row: &tenant_key::Model) -> Result<TenantKey> {
        let aad = row.tenant_id.0.into_bytes();
        let inner = self.take(TENANT, row.page, row.wrapped.clone(), &aad)?;
        self.unwrap_tenant(&inner.ok_or_else(gone)?, &aad)
    }

    /// Every process reads the tenant's keys anew.
    async fn tell_tenant(&self, tenant: TenantId) -> Result<()> {
        self.reread_tenant(tenant).await?;
        if let Some(changes) = self.changes.get() {
            changes.note(&Change::TenantKey(tenant));
        }
        Ok(())
    }
}

async fn row_of(tx: &SystemTx, tenant: TenantId) -> Result<tenant_key::Model> {
    let row = tx
        .find_by_id::<tenant_key::Entity, _>(tenant)
        .one(tx.conn())
        .await?;
    row.ok_or_else(gone)
}

fn gone() -> Error {
    Error::Gone {
        what: "the tenant's key",
    }
}
