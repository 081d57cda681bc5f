//! What admission needs to know of endpoints, catalogue and rules, compiled and in memory.
//!
//! A picture of a tenant is read once and then served without waiting, to every message of every socket. A change marks
//! it stale ([`Pictures::forget`]); whoever makes a change that must act at once reads it again before answering
//! ([`reload`]). [`refresh`], called again and again while a process runs, does so for the rest, and notices what other
//! processes changed. Once in memory a picture stays: a quiet socket may send its next message any time.

mod apps;
mod picture;
mod refresh;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use entity::id::{EndpointId, TenantId};
use parking_lot::{Mutex, RwLock};

pub use apps::{App, AppName, app};
pub use picture::{Endpoint, Picture};
pub(crate) use refresh::compare_now;
pub use refresh::refresh;

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    retention::Classes,
    tenancy::{Actor, TenantScope},
    usage::Counters,
};

/// One tenant's place.
#[derive(Debug)]
pub(crate) struct Slot {
    tenant: TenantId,
    picture: ArcSwapOption<Picture>,
    /// Counts changes that were heard of.
    wanted: AtomicU64,
    /// The count up to which the picture is true.
    have: AtomicU64,
    /// One reader at a time, so that an older view never replaces a newer one. Asynchronous: held while the store answers.
    reading: tokio::sync::Mutex<()>,
    pub(crate) classes: Arc<Classes>,
    pub(crate) counters: Arc<Counters>,
    /// Shared by whoever destroys, exclusive for whoever places or ends a hold (`holds::watch`).
    holding: Arc<tokio::sync::RwLock<()>>,
    /// What the tables looked like from outside when it was last compared.
    fingerprint: Mutex<Option<refresh::Look>>,
}

impl Slot {
    fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            picture: ArcSwapOption::empty(),
            wanted: AtomicU64::new(1),
            have: AtomicU64::new(0),
            reading: tokio::sync::Mutex::default(),
            classes: Arc::default(),
            counters: Arc::default(),
            holding: Arc::default(),
            fingerprint: Mutex::default(),
        }
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn is_stale(&self) -> bool {
        self.have.load(Ordering::Acquire) < self.wanted.load(Ordering::Acquire)
    }
}

type ByEndpoint = HashMap<EndpointId, Arc<Slot>>;

const SHARDS: usize = 64;

/// The pictures of all tenants that are in use.
#[derive(Debug)]
pub struct Pictures {
    // Synchronous locks: nothing waits while holding one. Sharded, since every message looks in here.
    endpoints: Box<[RwLock<ByEndpoint>]>,
    tenants: RwLock<HashMap<TenantId, Arc<Slot>>>,
    apps: apps::Apps,
    compared_at: Mutex<Option<DateTime<Utc>>>,
    /// What the removal of expired data remembers from run to run; also lets one run at a time.
    pub(crate) purging: tokio::sync::Mutex<crate::retention::PurgeMemory>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            endpoints: (0..SHARDS).map(|_| RwLock::default()).collect(),
            tenants: RwLock::default(),
            apps: apps::Apps::default(),
            compared_at: Mutex::default(),
            purging: tokio::sync::Mutex::default(),
        }
    }
}

impl Pictures {
    fn shard(&self, endpoint: EndpointId) -> &RwLock<ByEndpoint> {
        // The last byte of a UUID of version 7 is random.
        &self.endpoints[usize::from(endpoint.0.as_bytes()[15]) % SHARDS]
    }

    /// The picture of the tenant whose endpoint this is, if it is in memory. Never waits.
    pub fn get(&self, endpoint: EndpointId) -> Option<Arc<Picture>> {
        self.shard(endpoint).read().get(&endpoint)?.picture.load_full()
    }

    /// Of how many tenants there are pictures in memory.
    pub(crate) fn count(&self) -> usize {
        self.tenants.read().len()
    }

    /// The picture of a tenant, if it is in memory. Never waits.
    pub fn of(&self, tenant: TenantId) -> Option<Arc<Picture>> {
        self.tenants.read().get(&tenant)?.picture.load_full()
    }

    /// Something of this tenant's endpoints, catalogue or rules changed: the picture is to be read again.
    pub fn forget(&self, tenant: TenantId) {
        if let Some(slot) = self.tenants.read().get(&tenant) {
            slot.wanted.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The tenant is gone for good, and its endpoints with it.
    pub fn remove(&self, tenant: TenantId) {
        let Some(slot) = self.tenants.write().remove(&tenant) else {
            return;
        };
        let picture = slot.picture.swap(None);
        for gone in picture.iter().flat_map(|picture| picture.endpoints()) {
            self.shard(gone.row.id).write().remove(&gone.row.id);
            self.apps.remove(&gone.row);
        }
    }

    pub(crate) fn slot(&self, tenant: TenantId) -> Option<Arc<Slot>> {
        self.tenants.read().get(&tenant).cloned()
    }

    /// Between whoever destroys a tenant's data and whoever places or ends a hold on them.
    pub(crate) fn holding(&self, tenant: TenantId) -> Arc<tokio::sync::RwLock<()>> {
        self.slot_or_new(tenant).holding.clone()
    }

    fn slot_or_new(&self, tenant: TenantId) -> Arc<Slot> {
        if let Some(slot) = self.slot(tenant) {
            return slot;
        }
        self.tenants
            .write()
            .entry(tenant)
            .or_insert_with(|| Arc::new(Slot::new(tenant)))
            .clone()
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.tenants.read().values().cloned().collect()
    }

    fn put(&self, slot: &Arc<Slot>, picture: Picture) -> Arc<Picture> {
        let picture = Arc::new(picture);
        let before = slot.picture.swap(Some(picture.clone()));
        for row in picture.endpoints().map(|endpoint| &endpoint.row) {
            let slot_of = || slot.clone();
            self.shard(row.id).write().entry(row.id).or_insert_with(slot_of);
            self.apps.insert(slot, row);
        }
        for gone in before.iter().flat_map(|before| before.endpoints()) {
            if picture.endpoint(gone.row.id).is_none() {
                self.shard(gone.row.id).write().remove(&gone.row.id);
                self.apps.remove(&gone.row);
            }
        }
        picture
    }
}

/// The picture of the caller's tenant: from memory, or read now when it is not there yet. A change that was just saved
/// is in it once [`reload`] returned; waiting for that here could wait for ever, since callers hold a view of the store.
pub async fn load(ctx: &Ctx, scope: &TenantScope) -> Result<Arc<Picture>> {
    match ctx.pictures.of(scope.tenant()) {
        Some(picture) => Ok(picture),
        None => load_tenant(ctx, scope.tenant()).await,
    }
}

/// Reads the picture again after a change that was saved, so that the change acts on the next message, on every socket
/// of this process. Does nothing when nobody uses the picture.
pub async fn reload(ctx: &Ctx, scope: &TenantScope) -> Result<()> {
    if ctx.pictures.slot(scope.tenant()).is_some() {
        load_tenant(ctx, scope.tenant()).await?;
    }
    Ok(())
}

/// As [`reload`], of a tenant that another process changed; one that it deleted is forgotten.
pub(crate) async fn reload_or_remove(ctx: &Ctx, tenant: TenantId) -> Result<()> {
    match load_tenant(ctx, tenant).await {
        Ok(_) => {}
        Err(Error::Gone { .. } | Error::NotFound { .. }) => ctx.pictures.remove(tenant),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The picture of a tenant as it is now: from memory when nothing changed since.
pub(crate) async fn load_tenant(ctx: &Ctx, tenant: TenantId) -> Result<Arc<Picture>> {
    let slot = ctx.pictures.slot_or_new(tenant);
    loop {
        let wanted = slot.wanted.load(Ordering::Acquire);
        let current = || (slot.have.load(Ordering::Acquire) >= wanted).then(|| slot.picture.load_full());
        if let Some(Some(picture)) = current() {
            return Ok(picture);
        }
        let _turn = slot.reading.lock().await;
        if let Some(Some(picture)) = current() {
            return Ok(picture);
        }
        // What was wanted before the view was opened is in the view.
        let covered = slot.wanted.load(Ordering::Acquire);
        let picture = picture::read(ctx, &TenantScope::new(tenant, Actor::System), &slot).await?;
        let picture = ctx.pictures.put(&slot, picture);
        slot.have.store(covered, Ordering::Release);
        if covered >= wanted {
            return Ok(picture);
        }
    }
}
