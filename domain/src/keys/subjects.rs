//! Keys of persons, one per purpose. Erasure destroys all of a person's, withdrawal the one of a purpose.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{
    id::{PurposeId, SubjectId, TenantId},
    vault::subject_key,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, Set, sea_query::OnConflict};
use uuid::Uuid;
use vault::key::SubjectKey;

use super::{
    Keys, READS, SubjectKeyName,
    destroy::{Doom, SUBJECT, Shelf},
};
use crate::error::{Error, Result};

/// Binds a wrapped key to whose it is.
pub(super) fn aad(name: SubjectKeyName) -> [u8; 48] {
    let mut aad = [0; 48];
    aad[..16].copy_from_slice(name.tenant.0.as_bytes());
    aad[16..32].copy_from_slice(name.subject.0.as_bytes());
    aad[32..].copy_from_slice(name.purpose.as_bytes());
    aad
}

impl Keys {
    /// A person's key, or none when it was never made or is destroyed.
    pub async fn subject(&self, name: SubjectKeyName) -> Result<Option<Arc<SubjectKey>>> {
        if let Some(key) = self.cache.lock().subjects.get(&name) {
            return Ok(Some(key.clone()));
        }
        for _ in 0..READS {
            let generation = self.generation();
            let tenant = self.tenant(name.tenant).await?;
            let tx = self
                .store
                .system_read("the vault keeps keys of all tenants")
                .await?;
            let id = (name.tenant, name.subject, name.purpose);
            let Some(row) = tx.find_by_id::<subject_key::Entity, _>(id).one(tx.conn()).await? else {
                return Ok(None);
            };
            drop(tx);
            let Some(wrapped) = self.take(SUBJECT, row.page, row.wrapped, &aad(name))? else {
                continue;
            };
            let key = Arc::new(tenant.tenant.unwrap_subject(&wrapped, &aad(name))?);
            let mut cache = self.cache.lock();
            if cache.generation == generation {
                cache.subjects.insert(name, key.clone());
            }
            return Ok(Some(key));
        }
        Ok(None)
    }

    /// When a person's key was made; none when there is none. Messages that are older were sealed under one that is gone.
    pub async fn subject_made_at(&self, name: SubjectKeyName) -> Result<Option<DateTime<Utc>>> {
        let tx = self
            .store
            .system_read("the vault keeps keys of all tenants")
            .await?;
        let id = (name.tenant, name.subject, name.purpose);
        let row = tx.find_by_id::<subject_key::Entity, _>(id).one(tx.conn()).await?;
        Ok(row.map(|row| row.created_at))
    }

    /// The keys of a tenant's persons that exist: whose, and for which purpose.
    pub async fn subjects_with_keys(&self, tenant: TenantId) -> Result<HashSet<(SubjectId, Uuid)>> {
        let tx = self
            .store
            .system_read("the vault keeps keys of all tenants")
            .await?;
        let keys: Vec<(SubjectId, Uuid)> = tx
            .find::<subject_key::Entity>()
            .select_only()
            .column(subject_key::Column::SubjectId)
            .column(subject_key::Column::PurposeId)
            .filter(subject_key::Column::TenantId.eq(tenant))
            .into_tuple()
            .all(tx.conn())
            .await?;
        Ok(keys.into_iter().collect())
    }

    /// A person's key; made when it does not exist yet.
    pub async fn subject_or_new(&self, name: SubjectKeyName) -> Result<Arc<SubjectKey>> {
        if let Some(key) = self.subject(name).await? {
            return Ok(key);
        }
        let tenant = self.tenant(name.tenant).await?;
        let key = SubjectKey::generate(&*self.chance);
        let inner = tenant.tenant.wrap_subject(&key, &aad(name), &*self.chance);
        let tx = self.store.system("the vault keeps keys of all tenants").await?;
        for place in self.places(&tx, Shelf::Subjects, 1).await? {
            let row = subject_key::ActiveModel {
                tenant_id: Set(name.tenant),
                subject_id: Set(name.subject),
                purpose_id: Set(name.purpose),
                wrapped: Set(place.key.lay(SUBJECT, &inner, &aad(name), &*self.chance)),
                created_at: Set(self.clock.now()),
                page: Set(Some(place.page)),
            };
            // Two nodes may meet a person at the same moment: the first key stands, and both read it.
            tx.insert_if_absent(row, OnConflict::new().do_nothing().to_owned())
                .await?;
        }
        tx.save().await?;
        self.subject(name).await?.ok_or(Error::Gone {
            what: "the person's key",
        })
    }

    /// Destroys all keys of a person. From then on nothing sealed for them opens, here or in any copy.
    /// Answers how many keys there were.
    pub async fn destroy_subject(&self, tenant: TenantId, subject: SubjectId) -> Result<u64> {
        let condition = Condition::all()
            .add(subject_key::Column::TenantId.eq(tenant))
            .add(subject_key::Column::SubjectId.eq(subject));
        self.destroy_subject_keys(condition, |name| name.tenant == tenant && name.subject == subject)
            .await
    }

    /// Destroys a person's key for one purpose.
    pub async fn destroy_subject_purpose(
        &self,
        tenant: TenantId,
        subject: SubjectId,
        purpose: PurposeId,
    ) -> Result<u64> {
        let name = SubjectKeyName::for_messages(tenant, Some(subject), Some(purpose));
        let condition = Condition::all()
            .add(subject_key::Column::TenantId.eq(tenant))
            .add(subject_key::Column::SubjectId.eq(subject))
            .add(subject_key::Column::PurposeId.eq(name.purpose));
        self.destroy_subject_keys(condition, |other| *other == name).await
    }

    async fn destroy_subject_keys(
        &self,
        rows: Condition,
        cached: impl Fn(&SubjectKeyName) -> bool,
    ) -> Result<u64> {
        let destroyed = self.destroy(&Doom::Subjects(rows)).await?;
        {
            let mut cache = self.cache.lock();
            cache.generation += 1;
            cache.subjects.retain(|name, _| !cached(name));
            cache.pairs.retain(|(name, _), _| !cached(name));
        }
        self.tell_destroyed();
        Ok(destroyed)
    }
}
