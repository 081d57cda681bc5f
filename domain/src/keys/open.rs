//! The keys that open many messages at once: a page of history is of many persons and of a few slices of time, and each
//! of them once costs the vault one question, not two per message.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use entity::{id::TenantId, vault::bucket_key};
use sea_orm::{ColumnTrait, QueryFilter};
use vault::message::PairKey;

use super::{Bucket, Keys, SubjectKeyName};
use crate::error::Result;

/// Ids in one statement.
const AT_ONCE: usize = 500;

/// What names a pair: whose it is, and the bucket.
pub type PairName = (SubjectKeyName, i64);

impl Keys {
    /// The keys that open messages. A pair is missing when either lock's key is gone.
    pub async fn pairs_to_open(
        &self,
        wanted: impl IntoIterator<Item = PairName>,
    ) -> Result<HashMap<PairName, Arc<PairKey>>> {
        let mut missing: HashSet<PairName> = wanted.into_iter().collect();
        let mut found = HashMap::with_capacity(missing.len());
        let generation = {
            let cache = self.cache.lock();
            missing.retain(|name| match cache.pairs.get(name) {
                Some(pair) => {
                    found.insert(*name, pair.clone());
                    false
                }
                None => true,
            });
            cache.generation
        };
        if missing.is_empty() {
            return Ok(found);
        }
        let ids: HashMap<i64, TenantId> = missing.iter().map(|(name, id)| (*id, name.tenant)).collect();
        let buckets = self.buckets(ids, generation).await?;
        let names: HashSet<_> = missing.iter().map(|(name, _)| *name).collect();
        let names: Vec<_> = names.into_iter().collect();
        let subjects = self.read_subjects(&names, generation).await?;
        for (name, bucket) in missing {
            if let (Some(subject), Some(key)) = (subjects.get(&name), buckets.get(&bucket)) {
                let pair = self.remember_pair(generation, name, key, subject);
                found.insert((name, bucket), pair);
            }
        }
        Ok(found)
    }

    /// Those of these tenants' buckets that still have their key.
    async fn buckets(
        &self,
        ids: HashMap<i64, TenantId>,
        generation: u64,
    ) -> Result<HashMap<i64, Arc<Bucket>>> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        {
            let cache = self.cache.lock();
            for id in ids.keys() {
                match cache.buckets.get(id) {
                    Some(bucket) => drop(found.insert(*id, bucket.clone())),
                    None => missing.push(*id),
                }
            }
        }
        for some in missing.chunks(AT_ONCE) {
            let rows = {
                let tx = self
                    .store
                    .system_read("the vault keeps keys of all tenants")
                    .await?;
                tx.find::<bucket_key::Entity>()
                    .filter(bucket_key::Column::Id.is_in(some.iter().copied()))
                    .all(tx.conn())
                    .await?
            };
            for row in rows {
                if ids.get(&row.id) == Some(&row.tenant_id) {
                    let (id, tenant) = (row.id, row.tenant_id);
                    let bucket = match self.unwrap_bucket(row, generation).await? {
                        // Its page was renewed since the row was read, or it is gone: asked for alone, it is told apart.
                        None => self.bucket(tenant, id).await?,
                        bucket => bucket,
                    };
                    if let Some(bucket) = bucket {
                        found.insert(bucket.id, bucket);
                    }
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use entity::id::SubjectId;
    use uuid::Uuid;

    use super::*;
    use crate::{keys::Slice, testing::World};

    #[tokio::test]
    async fn many_pairs_come_at_once_and_those_whose_key_is_destroyed_are_missing() {
        let world = World::new().await;
        let (keys, tenant, now) = (&world.ctx.keys, world.tenant.id, world.ctx.now());
        let slice = Slice(TimeDelta::hours(1));
        let subjects: Vec<SubjectId> = (1..=4).map(|n| SubjectId(Uuid::from_u128(n))).collect();
        let mut wanted = Vec::new();
        for subject in &subjects {
            for class in [1, 2] {
                let name = SubjectKeyName::for_messages(tenant, Some(*subject), None);
                let (bucket, _) = keys.pair_to_seal(name, class, slice, now).await.unwrap();
                wanted.push((name, bucket));
            }
        }
        let all = keys.pairs_to_open(wanted.iter().copied()).await.unwrap();
        assert_eq!(all.len(), 8);
        keys.destroy_subject(tenant, subjects[0]).await.unwrap();
        keys.destroy_buckets(tenant, 2, None, now + TimeDelta::days(1))
            .await
            .unwrap();
        let left = keys.pairs_to_open(wanted.iter().copied()).await.unwrap();
        let expected: HashSet<PairName> = wanted
            .iter()
            .filter(|(name, bucket)| name.subject != subjects[0] && *bucket == wanted[0].1)
            .copied()
            .collect();
        assert_eq!(left.keys().copied().collect::<HashSet<_>>(), expected);
        let stranger = SubjectKeyName {
            tenant: TenantId(Uuid::from_u128(9)),
            ..wanted[2].0
        };
        let none = keys.pairs_to_open([(stranger, wanted[2].1)]).await.unwrap();
        assert!(none.is_empty(), "a bucket opens nothing for another tenant");
    }
}
