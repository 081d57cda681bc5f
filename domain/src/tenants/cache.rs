//! Tenants by slug, and what they store, in memory: every public door begins with a slug.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{id::TenantId, tenant};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::usage::Stored;

/// Another process may have changed it since, so nothing here is believed for longer than this.
const BELIEVED: TimeDelta = TimeDelta::seconds(5);
const MAX: usize = 10_000;

/// What is in memory about tenants.
#[derive(Default)]
pub struct Cache {
    // Synchronous locks: nothing waits while holding one.
    by_slug: Mutex<BySlug>,
    stored: Mutex<HashMap<TenantId, (Instant, Stored)>>,
    /// One count of stored messages at a time: it may read a lot. Asynchronous, since it is held while the store works.
    pub(super) counting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct BySlug {
    known: HashMap<String, (DateTime<Utc>, tenant::Model)>,
    /// Counts changes, so that a row read before one is not kept after it.
    generation: u64,
}

impl Cache {
    pub(super) fn get(&self, slug: &str, now: DateTime<Utc>) -> Option<tenant::Model> {
        let by_slug = self.by_slug.lock();
        let (read_at, tenant) = by_slug.known.get(slug)?;
        let age = now - *read_at;
        (age >= TimeDelta::zero() && age < BELIEVED).then(|| tenant.clone())
    }

    pub(super) fn generation(&self) -> u64 {
        self.by_slug.lock().generation
    }

    pub(super) fn put(&self, tenant: &tenant::Model, now: DateTime<Utc>, generation: u64) {
        let mut by_slug = self.by_slug.lock();
        if by_slug.generation != generation {
            return;
        }
        if by_slug.known.len() >= MAX {
            by_slug.known.clear();
        }
        by_slug.known.insert(tenant.slug.clone(), (now, tenant.clone()));
    }

    /// Anything may have changed.
    pub(crate) fn forget_all(&self) {
        let mut by_slug = self.by_slug.lock();
        by_slug.generation += 1;
        by_slug.known.clear();
    }

    pub(crate) fn forget(&self, slug: &str) {
        let mut by_slug = self.by_slug.lock();
        by_slug.generation += 1;
        by_slug.known.remove(slug);
    }

    pub(super) fn stored(&self, tenant: TenantId) -> Option<Stored> {
        let stored = self.stored.lock();
        let (until, what) = stored.get(&tenant)?;
        (Instant::now() < *until).then_some(*what)
    }

    /// Keeps a count for ten seconds, and longer when it took long: counting must not be all that the store does.
    pub(super) fn put_stored(&self, tenant: TenantId, what: Stored, took: Duration) {
        let mut stored = self.stored.lock();
        let now = Instant::now();
        if stored.len() >= MAX {
            stored.retain(|_, (until, _)| now < *until);
        }
        let kept = Duration::from_secs(10).max(took * 50);
        stored.insert(tenant, (now + kept, what));
    }
}
