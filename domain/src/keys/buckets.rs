//! Keys of retention buckets: a class's messages of one slice of time. Expiry destroys them.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{id::TenantId, vault::bucket_key};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::OnConflict};
use vault::key::BucketKey;

use super::{
    Keys, READS,
    destroy::{BUCKET, Doom, Shelf},
};
use crate::error::{Error, Result};

/// How long the slices of a class are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice(pub TimeDelta);

impl Slice {
    /// Fine enough that a key dies soon after the last of its messages expired, coarse enough that there are few:
    /// a second for what is kept up to a minute, otherwise a sixtieth of the duration, at most a day.
    pub fn of(duration: TimeDelta) -> Self {
        let sixtieth = duration.num_seconds() / 60;
        Self(TimeDelta::seconds(sixtieth.clamp(1, 86_400)))
    }

    /// The slice that an instant falls into.
    fn around(self, at: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let width = self.0.num_milliseconds().max(1);
        let start = at.timestamp_millis().div_euclid(width) * width;
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC);
        (at(start), at(start + width))
    }
}

/// A bucket and its key.
pub struct Bucket {
    /// Named by every message in it.
    pub id: i64,
    /// When it began to take messages.
    pub starts_at: DateTime<Utc>,
    /// When it stopped.
    pub ends_at: DateTime<Utc>,
    pub(super) key: BucketKey,
}

impl Bucket {
    pub(super) fn covers(&self, at: DateTime<Utc>) -> bool {
        self.starts_at <= at && at < self.ends_at
    }
}

/// Binds a wrapped key to the bucket it is for.
pub(super) fn aad(tenant: TenantId, id: i64, class: i64) -> [u8; 32] {
    let mut aad = [0; 32];
    aad[..16].copy_from_slice(tenant.0.as_bytes());
    aad[16..24].copy_from_slice(&id.to_be_bytes());
    aad[24..].copy_from_slice(&class.to_be_bytes());
    aad
}

impl Keys {
    /// The bucket with this id, or none when its key is destroyed.
    pub(super) async fn bucket(&self, tenant: TenantId, id: i64) -> Result<Option<Arc<Bucket>>> {
        if let Some(bucket) = self.cache.lock().buckets.get(&id) {
            return Ok(Some(bucket.clone()));
        }
        self.load_bucket(tenant, Condition::all().add(bucket_key::Column::Id.eq(id)))
            .await
    }

    /// The bucket that a message of this class falls into now; made when it is the first.
    pub(super) async fn bucket_for(
        &self,
        tenant: TenantId,
        class: i64,
        slice: Slice,
        now: DateTime<Utc>,
    ) -> Result<Arc<Bucket>> {
        if let Some(bucket) = self
            .cache
            .lock()
            .open
            .get(&class)
            .filter(|bucket| bucket.covers(now))
        {
            return Ok(bucket.clone());
        }
        let (starts_at, ends_at) = slice.around(now);
        let wanted = Condition::all()
            .add(bucket_key::Column::ClassId.eq(class))
            .add(bucket_key::Column::StartsAt.eq(starts_at))
            .add(bucket_key::Column::EndsAt.eq(ends_at));
        let bucket = if let Some(bucket) = self.load_bucket(tenant, wanted.clone()).await? {
            bucket
        } else {
            self.create_bucket(tenant, class, starts_at, ends_at).await?;
            self.load_bucket(tenant, wanted).await?.ok_or(Error::Gone {
                what: "the bucket's key",
            })?
        };
        self.cache.lock().open.insert(class, bucket.clone());
        Ok(bucket)
    }

    pub(super) async fn create_bucket(
        &self,
        tenant: TenantId,
        class: i64,
        starts_at: DateTime<Utc>,
        ends_at: DateTime<Utc>,
    ) -> Result<()> {
        let keys = self.tenant(tenant).await?;
        let id = self.ids.next_message().0;
        let key = BucketKey::generate(&*self.chance);
        let aad = aad(tenant, id, class);
        let inner = keys.tenant.wrap_bucket(&key, &aad, &*self.chance);
        // The logarithm of the width: about the time at which the bucket dies, seen from now.
        let width = (ends_at - starts_at).num_seconds().max(1).ilog2() / 2;
        let tx = self.store.system("the vault keeps keys of all tenants").await?;
        for place in self.places(&tx, Shelf::Buckets(width), 1).await? {
            let row = bucket_key::ActiveModel {
                id: Set(id),
                tenant_id: Set(tenant),
                class_id: Set(class),
                starts_at: Set(starts_at),
                ends_at: Set(ends_at),
                wrapped: Set(place.key.lay(BUCKET, &inner, &aad, &*self.chance)),
                page: Set(Some(place.page)),
            };
            tx.insert_if_absent(row, OnConflict::new().do_nothing().to_owned())
                .await?;
        }
        tx.save().await?;
        Ok(())
    }

    pub(super) async fn load_bucket(
        &self,
        tenant: TenantId,
        wanted: Condition,
    ) -> Result<Option<Arc<Bucket>>> {
        let wanted = wanted.add(bucket_key::Column::TenantId.eq(tenant));
        for _ in 0..READS {
            let generation = self.generation();
            let tx = self
                .store
                .system_read("the vault keeps keys of all tenants")
                .await?;
            let row = tx
                .find::<bucket_key::Entity>()
                .filter(wanted.clone())
                .one(tx.conn())
                .await?;
            drop(tx);
            let Some(row) = row else { return Ok(None) };
            if let Some(bucket) = self.unwrap_bucket(row, generation).await? {
                return Ok(Some(bucket));
            }
        }
        Ok(None)
    }

    /// A bucket from its row, which was read at this generation. None when its page was renewed since.
    pub(super) async fn unwrap_bucket(
        &self,
        row: bucket_key::Model,
        generation: u64,
    ) -> Result<Option<Arc<Bucket>>> {
        let aad = aad(row.tenant_id, row.id, row.class_id);
        let keys = self.tenant(row.tenant_id).await?;
        let Some(wrapped) = self.take(BUCKET, row.page, row.wrapped, &aad)? else {
            return Ok(None);
        };
        let key = keys.tenant.unwrap_bucket(&wrapped, &aad)?;
        let bucket = Arc::new(Bucket {
            id: row.id,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            key,
        });
        let mut cache = self.cache.lock();
        if cache.generation == generation {
            cache.buckets.insert(bucket.id, bucket.clone());
        }
        Ok(Some(bucket))
    }

    /// The greatest id of a bucket, of any tenant.
    pub async fn newest_bucket(&self) -> Result<Option<i64>> {
        let tx = self
            .store
            .system_read("the vault keeps keys of all tenants")
            .await?;
        let newest = tx
            .find::<bucket_key::Entity>()
            .order_by_desc(bucket_key::Column::Id)
            .limit(1)
            .one(tx.conn())
            .await?;
        Ok(newest.map(|bucket| bucket.id))
    }

    /// When the oldest bucket of a class that still has its key ended or will end; none when it has none.
    pub async fn earliest_bucket_end(&self, tenant: TenantId, class: i64) -> Result<Option<DateTime<Utc>>> {
        let tx = self
            .store
            .system_read("the vault keeps keys of all tenants")
            .await?;
        let oldest = tx
            .find::<bucket_key::Entity>()
            .filter(bucket_key::Column::TenantId.eq(tenant))
            .filter(bucket_key::Column::ClassId.eq(class))
            .order_by_asc(bucket_key::Column::EndsAt)
            .limit(1)
            .one(tx.conn())
            .await?;
        Ok(oldest.map(|bucket| bucket.ends_at))
    }

    /// Destroys the keys of a class's buckets that began not before `since` and ended before `ended_before`: everything in
    /// them has expired. Answers when each of them ended.
    pub async fn destroy_buckets(
        &self,
        tenant: TenantId,
        class: i64,
        since: Option<DateTime<Utc>>,
        ended_before: DateTime<Utc>,
    ) -> Result<Vec<DateTime<Utc>>> {
        let rows = Condition::all()
            .add(bucket_key::Column::TenantId.eq(tenant))
            .add(bucket_key::Column::ClassId.eq(class))
            .add(bucket_key::Column::EndsAt.lte(ended_before))
            .add_option(since.map(|since| bucket_key::Column::StartsAt.gte(since)));
        let tx = self
            .store
            .system_read("the vault keeps keys of all tenants")
            .await?;
        let found: Vec<(i64, DateTime<Utc>)> = tx
            .find::<bucket_key::Entity>()
            .select_only()
            .column(bucket_key::Column::Id)
            .column(bucket_key::Column::EndsAt)
            .filter(rows.clone())
            .into_tuple()
            .all(tx.conn())
            .await?;
        drop(tx);
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let doomed: HashSet<i64> = found.iter().map(|(id, _)| *id).collect();
        let destroyed = self.destroy(&Doom::Buckets(rows)).await?;
        {
            let mut cache = self.cache.lock();
            cache.generation += 1;
            cache.buckets.retain(|id, _| !doomed.contains(id));
            cache.open.retain(|_, bucket| !doomed.contains(&bucket.id));
            cache.pairs.retain(|(_, id), _| !doomed.contains(id));
        }
        self.tell_destroyed();
        // Another process may have been faster with some, or with all.
        let mut ends: Vec<_> = found.into_iter().map(|(_, ends_at)| ends_at).collect();
        ends.truncate(usize::try_from(destroyed).unwrap_or(usize::MAX));
        Ok(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_with_the_duration_within_bounds() {
        assert_eq!(Slice::of(TimeDelta::seconds(2)).0, TimeDelta::seconds(1));
        assert_eq!(Slice::of(TimeDelta::hours(1)).0, TimeDelta::minutes(1));
        assert_eq!(Slice::of(TimeDelta::days(3650)).0, TimeDelta::days(1));
    }

    #[test]
    fn an_instant_falls_into_exactly_one_slice() {
        let slice = Slice(TimeDelta::seconds(7));
        let at = DateTime::from_timestamp(1_800_000_003, 5_000_000).unwrap();
        let (start, end) = slice.around(at);
        assert!(start <= at && at < end);
        assert_eq!(slice.around(end).0, end);
    }
}
