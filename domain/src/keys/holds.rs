//! Keys of holds: each a bucket that never ends, in place of the buckets that would have ended.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{id::TenantId, vault::bucket_key};
use sea_orm::{ColumnTrait, Condition};
use uuid::Uuid;
use vault::message::PairKey;

use super::{Keys, SubjectKeyName};
use crate::error::{Error, Result};

/// The end of what never ends: far, and still four digits long, so that stored dates sort as text too.
fn never() -> DateTime<Utc> {
    DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn wanted(number: i64) -> Condition {
    Condition::all()
        .add(bucket_key::Column::ClassId.eq(number))
        .add(bucket_key::Column::EndsAt.eq(never()))
}

/// Nobody's: a hold outlives the keys of the persons that it is about.
fn nobody(tenant: TenantId) -> SubjectKeyName {
    SubjectKeyName {
        tenant,
        subject: Uuid::nil().into(),
        purpose: Uuid::nil(),
    }
}

impl Keys {
    /// The key that seals what a hold keeps; made when it is the first.
    pub async fn hold_pair(&self, tenant: TenantId, number: i64) -> Result<Arc<PairKey>> {
        if let Some(pair) = self.hold_pair_to_open(tenant, number).await? {
            return Ok(pair);
        }
        self.create_bucket(tenant, number, DateTime::<Utc>::UNIX_EPOCH, never())
            .await?;
        self.subject_or_new(nobody(tenant)).await?;
        self.hold_pair_to_open(tenant, number).await?.ok_or(Error::Gone {
            what: "the hold's key",
        })
    }

    /// The key that opens what a hold keeps; none when it is destroyed, or never kept anything.
    pub async fn hold_pair_to_open(&self, tenant: TenantId, number: i64) -> Result<Option<Arc<PairKey>>> {
        let generation = self.generation();
        let known = self.cache.lock().open.get(&number).cloned();
        let bucket = match known {
            Some(bucket) => Some(bucket),
            None => self.load_bucket(tenant, wanted(number)).await?,
        };
        let Some(bucket) = bucket else {
            return Ok(None);
        };
        {
            let mut cache = self.cache.lock();
            if cache.generation == generation {
                cache.open.insert(number, bucket.clone());
            }
        }
        self.pair_to_open(nobody(tenant), bucket.id).await
    }

    /// Destroys a hold's key: nothing that it kept opens any more.
    pub async fn destroy_hold(&self, tenant: TenantId, number: i64) -> Result<u64> {
        Ok(self.destroy_buckets(tenant, number, None, never()).await?.len() as u64)
    }
}
