//! Endpoints by their Pusher credentials, which name no tenant: the key that clients connect with, and the id that back
//! ends publish to. Asked at every handshake and every signed request, so answered from memory after the first look.

use std::{collections::HashMap, sync::Arc, time::Duration};

use entity::{endpoint, id::EndpointId};
use parking_lot::{Mutex, RwLock};
use sea_orm::{ColumnTrait, QueryFilter};
use tokio::time::Instant;

use super::{Endpoint, Picture, Slot, load_tenant};
use crate::{
    ctx::Ctx,
    error::Result,
    tenancy::{Actor, TenantScope},
};

/// Which of an endpoint's credentials is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppName<'a> {
    /// `app_key`: clients connect with it.
    Key(&'a str),
    /// `app_id`: back ends publish to it.
    Id(&'a str),
}

/// An endpoint that was found by its credential, and the picture it is in.
#[derive(Clone, Debug)]
pub struct App {
    /// The tenant's picture.
    pub picture: Arc<Picture>,
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
}

impl App {
    /// The right to work on the tenant's data for those who come in by a door: who they are is proven by what the
    /// endpoint's secret signed.
    pub fn scope(&self) -> TenantScope {
        TenantScope::new(self.picture.tenant, Actor::Subject)
    }
}

/// How long a name that nobody has is not looked for again. Names are drawn by chance when an endpoint is made, so nobody
/// asks for one before it exists.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// Names that nobody has, remembered at most.
const MAX_UNKNOWN: usize = 10_000;
/// No credential is longer. What is asks for nothing.
const MAX_NAME: usize = 64;

type ByName = HashMap<Box<str>, (Arc<Slot>, EndpointId)>;

/// The index over all pictures in memory.
#[derive(Debug, Default)]
pub(super) struct Apps {
    // Synchronous locks: nothing waits while holding one.
    keys: RwLock<ByName>,
    ids: RwLock<ByName>,
    unknown: Mutex<HashMap<Box<str>, Instant>>,
}

impl Apps {
    pub(super) fn insert(&self, slot: &Arc<Slot>, row: &endpoint::Model) {
        for (names, name) in [(&self.keys, &row.app_key), (&self.ids, &row.app_id)] {
            // Nearly every picture that is read again has the endpoints of before.
            if !names.read().contains_key(name.as_str()) {
                names.write().insert(name.as_str().into(), (slot.clone(), row.id));
            }
        }
    }

    pub(super) fn remove(&self, row: &endpoint::Model) {
        self.keys.write().remove(row.app_key.as_str());
        self.ids.write().remove(row.app_id.as_str());
    }

    fn get(&self, name: AppName<'_>) -> Option<(Arc<Picture>, EndpointId)> {
        let (names, name) = match name {
            AppName::Key(key) => (&self.keys, key),
            AppName::Id(id) => (&self.ids, id),
        };
        let names = names.read();
        let (slot, endpoint) = names.get(name)?;
        Some((slot.picture.load_full()?, *endpoint))
    }

    fn is_unknown(&self, name: &str) -> bool {
        let unknown = self.unknown.lock();
        unknown
            .get(name)
            .is_some_and(|since| since.elapsed() < UNKNOWN_FOR)
    }

    fn remember_unknown(&self, name: &str) {
        let mut unknown = self.unknown.lock();
        if unknown.len() >= MAX_UNKNOWN {
            unknown.clear();
        }
        unknown.insert(name.into(), Instant::now());
    }
}

impl AppName<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Key(name) | Self::Id(name) => name,
        }
    }
}

impl super::Pictures {
    /// The endpoint with this credential, if its tenant's picture is in memory. Never waits.
    pub fn app(&self, name: AppName<'_>) -> Option<App> {
        let (picture, id) = self.apps.get(name)?;
        let endpoint = picture.endpoint(id)?.clone();
        Some(App { picture, endpoint })
    }
}

/// The endpoint with this credential: from memory, or read now when it is not there yet. None when there is none.
pub async fn app(ctx: &Ctx, name: AppName<'_>) -> Result<Option<App>> {
    if let Some(app) = ctx.pictures.app(name) {
        return Ok(Some(app));
    }
    let text = name.as_str();
    let fits = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !fits || ctx.pictures.apps.is_unknown(text) {
        return Ok(None);
    }
    let wanted = match name {
        AppName::Key(key) => endpoint::Column::AppKey.eq(key),
        AppName::Id(id) => endpoint::Column::AppId.eq(id),
    };
    let tx = ctx
        .store
        .system_read("whose endpoint a client names is not known yet")
        .await?;
    let found = tx
        .find::<endpoint::Entity>()
        .filter(wanted)
        .one(tx.conn())
        .await?;
    drop(tx);
    let Some(row) = found else {
        ctx.pictures.apps.remember_unknown(text);
        return Ok(None);
    };
    let mut picture = load_tenant(ctx, row.tenant_id).await?;
    if picture.endpoint(row.id).is_none() {
        // The picture in memory is older than the endpoint, which another process made.
        ctx.pictures.forget(row.tenant_id);
        picture = load_tenant(ctx, row.tenant_id).await?;
    }
    let endpoint = picture.endpoint(row.id).cloned();
    Ok(endpoint.map(|endpoint| App { picture, endpoint }))
}

#[cfg(test)]
mod tests {
    use entity::endpoint::EndpointKind;

    use super::*;
    use crate::{
        endpoints::{self, NewEndpoint},
        pictures,
        testing::World,
    };

    async fn make(world: &World, slug: &str) -> endpoint::Model {
        let tx = world.ctx.store.begin(&world.scope).await.unwrap();
        let new = NewEndpoint::new(slug, EndpointKind::Channel);
        let (row, _) = endpoints::create(&tx, &world.ctx, new).await.unwrap();
        tx.save().await.unwrap();
        row
    }

    #[tokio::test]
    async fn an_endpoint_is_found_by_key_and_by_id_and_then_from_memory() {
        let world = World::new().await;
        let row = make(&world, "chat").await;
        let pictures = &world.ctx.pictures;
        assert!(
            pictures.app(AppName::Key(&row.app_key)).is_none(),
            "nobody asked yet"
        );
        for name in [AppName::Key(&row.app_key), AppName::Id(&row.app_id)] {
            let found = app(&world.ctx, name).await.unwrap().unwrap();
            assert_eq!(found.endpoint.row.id, row.id);
            assert!(pictures.app(name).is_some());
        }
        // The one is not the other.
        assert!(
            app(&world.ctx, AppName::Key(&row.app_id))
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn an_endpoint_that_is_made_later_is_found_and_one_that_is_gone_is_not() {
        let world = World::new().await;
        let first = make(&world, "first").await;
        app(&world.ctx, AppName::Key(&first.app_key))
            .await
            .unwrap()
            .unwrap();
        let second = make(&world, "second").await;
        let found = app(&world.ctx, AppName::Key(&second.app_key)).await.unwrap();
        assert_eq!(found.unwrap().endpoint.row.id, second.id);
        let tx = world.ctx.store.begin(&world.scope).await.unwrap();
        endpoints::delete(&tx, &world.ctx, first.id, None, "first")
            .await
            .unwrap();
        tx.save().await.unwrap();
        pictures::reload(&world.ctx, &world.scope).await.unwrap();
        assert!(
            app(&world.ctx, AppName::Key(&first.app_key))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            app(&world.ctx, AppName::Id(&first.app_id))
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn the_secret_before_a_rotation_is_accepted_for_a_day_and_no_longer() {
        let world = World::new().await;
        let row = make(&world, "chat").await;
        let tx = world.ctx.store.begin(&world.scope).await.unwrap();
        let (_, newest) = endpoints::rotate_secret(&tx, &world.ctx, row.id).await.unwrap();
        tx.save().await.unwrap();
        let found = app(&world.ctx, AppName::Id(&row.app_id)).await.unwrap().unwrap();
        let now = world.ctx.now();
        let accepted: Vec<_> = found.endpoint.secrets(now).collect();
        assert_eq!((accepted.len(), accepted[0]), (2, newest.as_str()));
        let later = now + chrono::TimeDelta::hours(25);
        assert_eq!(
            found.endpoint.secrets(later).collect::<Vec<_>>(),
            [newest.as_str()]
        );
    }
}
