//! The keys at work: read from the vault's store, unwrapped, cached, destroyed. What they are is in the crate `vault`.
//!
//! A message opens only with the key of its person (per purpose) *and* the key of its retention bucket. Destroying
//! either is a few small writes, whatever the volume, and reaches every copy: those of the data, since they hold no keys,
//! and those of the vault, since every stored key lies on a page whose own key is overwritten then (see `destroy`).
//! A cache never outlives a destruction: both happen under the same lock.

mod buckets;
mod destroy;
mod holds;
mod open;
mod pages;
mod prepare;
mod recover;
mod replace;
mod rotate;
mod subjects;
mod tenants;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use chrono::{DateTime, Utc};
use entity::id::{PurposeId, SubjectId, TenantId};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;
use vault::{
    chance::Chance,
    key::{RootKey, SubjectKey},
    message::PairKey,
};

pub use buckets::{Bucket, Slice};
pub use open::PairName;
pub use pages::Pages;
pub use recover::Recovery;
pub use tenants::{LiveTenantKeys, TenantKeys};

use self::destroy::{OpenPage, Shelf};
use crate::{
    changes::{Change, Changes},
    clock::Clock,
    error::Result,
    ids::Ids,
    tenancy::Store,
};

/// Which of a person's keys: the tenant, the person (nil: nobody in particular), the purpose (nil: none named).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubjectKeyName {
    /// The tenant.
    pub tenant: TenantId,
    /// The person.
    pub subject: SubjectId,
    /// The purpose.
    pub purpose: Uuid,
}

impl SubjectKeyName {
    /// The key that seals messages of a person for a purpose.
    pub fn for_messages(tenant: TenantId, subject: Option<SubjectId>, purpose: Option<PurposeId>) -> Self {
        Self {
            tenant,
            subject: subject.unwrap_or(SubjectId(Uuid::nil())),
            purpose: purpose.map_or(Uuid::nil(), Into::into),
        }
    }

    /// The key that seals what we know of a person: their id at the tenant, their address, evidence, exports.
    pub fn for_record(tenant: TenantId, subject: SubjectId) -> Self {
        Self {
            tenant,
            subject,
            purpose: Uuid::nil(),
        }
    }
}

/// Pairs that are kept ready. One is about 300 bytes.
const MAX_CACHED_PAIRS: usize = 200_000;

/// Gives the root keys there are now, the newest first.
type RootSource = Arc<dyn Fn() -> Vec<RootKey> + Send + Sync>;

/// How often a row is read again whose page was renewed just then. More than once in a row is next to impossible.
const READS: usize = 4;

/// The keys of everybody, behind the root key.
pub struct Keys {
    store: Store,
    /// The newest first. More than one only while the root key is being replaced.
    roots: Mutex<Vec<Arc<RootKey>>>,
    root_source: Mutex<Option<RootSource>>,
    pages: Pages,
    /// Pages that take new rows.
    open_pages: AsyncMutex<HashMap<Shelf, OpenPage>>,
    /// Whoever renews pages in this process.
    renewing: Arc<AsyncMutex<()>>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    chance: Arc<dyn Chance>,
    cache: Mutex<Cache>,
    /// Those that somebody holds for long, and has to see replaced.
    live: Mutex<HashMap<TenantId, LiveTenantKeys>>,
    /// Hears of destructions.
    changes: OnceLock<Arc<Changes>>,
}

#[derive(Default)]
struct Cache {
    tenants: HashMap<TenantId, Arc<TenantKeys>>,
    subjects: HashMap<SubjectKeyName, Arc<SubjectKey>>,
    buckets: HashMap<i64, Arc<Bucket>>,
    /// The bucket that is open now, by class.
    open: HashMap<i64, Arc<Bucket>>,
    pairs: HashMap<(SubjectKeyName, i64), Arc<PairKey>>,
    /// Counts destructions, so that a key read before one is not cached after it.
    generation: u64,
}

impl Keys {
    /// `store` is the vault's own, never the one of the data. Call [`Keys::recover`] before anything else.
    pub fn new(
        store: Store,
        root: RootKey,
        pages: Pages,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        chance: Arc<dyn Chance>,
    ) -> Self {
        Self {
            store,
            roots: Mutex::new(vec![Arc::new(root)]),
            root_source: Mutex::default(),
            pages,
            open_pages: AsyncMutex::default(),
            renewing: Arc::default(),
            clock,
            ids,
            chance,
            cache: Mutex::default(),
            live: Mutex::default(),
            changes: OnceLock::new(),
        }
    }

    /// Tells `changes` when keys are destroyed.
    pub(crate) fn tell(&self, changes: Arc<Changes>) {
        let _ = self.changes.set(changes);
    }

    fn tell_destroyed(&self) {
        if let Some(changes) = self.changes.get() {
            changes.note(&Change::Keys);
        }
    }

    /// Drops every key from memory: another process may have destroyed some. Those that are left are read again.
    pub(crate) fn forget_all(&self) {
        let mut cache = self.cache.lock();
        let generation = cache.generation + 1;
        *cache = Cache {
            generation,
            ..Cache::default()
        };
    }

    /// Seals what processes of this installation tell each other, under the root key.
    pub fn seal_for_nodes(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        self.newest_root().seal_value(context, plain, &*self.chance)
    }

    /// Opens what [`Keys::seal_for_nodes`] sealed, in whichever process.
    pub fn open_from_node(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let open = || {
            let roots = self.roots.lock().clone();
            roots
                .iter()
                .find_map(|root| root.open_value(context, sealed).ok())
        };
        open().or_else(|| {
            // It may be one that came while this process runs.
            self.reload_roots();
            open()
        })
    }

    /// The vault's store, for migrations, `doctor` and shutdown.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The ready key of a message to be sealed now and the bucket it falls into, if both are at hand. Never waits.
    pub fn ready_pair(
        &self,
        name: SubjectKeyName,
        class: i64,
        now: DateTime<Utc>,
    ) -> Option<(i64, Arc<PairKey>)> {
        let cache = self.cache.lock();
        let bucket = cache.open.get(&class).filter(|bucket| bucket.covers(now))?;
        cache
            .pairs
            .get(&(name, bucket.id))
            .map(|pair| (bucket.id, pair.clone()))
    }

    /// The key of a message to be sealed now and the bucket it falls into; made when they do not exist yet.
    pub async fn pair_to_seal(
        &self,
        name: SubjectKeyName,
        class: i64,
        slice: Slice,
        now: DateTime<Utc>,
    ) -> Result<(i64, Arc<PairKey>)> {
        if let Some(ready) = self.ready_pair(name, class, now) {
            return Ok(ready);
        }
        let generation = self.generation();
        let bucket = self.bucket_for(name.tenant, class, slice, now).await?;
        let subject = self.subject_or_new(name).await?;
        Ok((bucket.id, self.remember_pair(generation, name, &bucket, &subject)))
    }

    /// The key that opens a message, or none when either lock's key is gone.
    pub async fn pair_to_open(&self, name: SubjectKeyName, bucket: i64) -> Result<Option<Arc<PairKey>>> {
        if let Some(pair) = self.cache.lock().pairs.get(&(name, bucket)) {
            return Ok(Some(pair.clone()));
        }
        let generation = self.generation();
        let Some(bucket) = self.bucket(name.tenant, bucket).await? else {
            return Ok(None);
        };
        let Some(subject) = self.subject(name).await? else {
            return Ok(None);
        };
        Ok(Some(self.remember_pair(generation, name, &bucket, &subject)))
    }

    fn remember_pair(
        &self,
        generation: u64,
        name: SubjectKeyName,
        bucket: &Bucket,
        subject: &SubjectKey,
    ) -> Arc<PairKey> {
        let pair = Arc::new(PairKey::derive(subject, &bucket.key));
        let mut cache = self.cache.lock();
        if cache.generation == generation {
            if cache.pairs.len() >= MAX_CACHED_PAIRS {
                cache.pairs.clear();
            }
            cache.pairs.insert((name, bucket.id), pair.clone());
        }
        pair
    }

    fn generation(&self) -> u64 {
        self.cache.lock().generation
    }
}

#[cfg(test)]
mod tests;
