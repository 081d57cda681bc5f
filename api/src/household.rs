//! The house that several nodes are of: what one changes the others follow, and what seals what they tell each other.

use std::sync::Arc;

use broker::{
    Broker,
    host::{House, Person, Secret},
};
use bytes::Bytes;
use domain::{
    Ctx,
    changes::{self, Change},
    keys::LiveTenantKeys,
};
use entity::id::{SubjectId, TenantId};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{relays::Relays, request_context::RequestContext};

/// Answers from the store, and from what all processes share.
pub struct Household {
    /// Rules, store and keys.
    pub ctx: Ctx,
    /// Sockets to back ends, which go with their endpoints.
    pub relays: Relays,
}

impl Household {
    /// Tells the other nodes of every change of this process. A request that made some is answered when all have followed.
    pub fn tell(ctx: &Ctx, broker: &Broker) {
        let broker = broker.clone();
        let others = broker.company().is_some();
        ctx.changes.tell(others, move |change| {
            let Ok(told) = serde_json::to_string(change) else {
                return;
            };
            if let Some(number) = broker.change(&told) {
                RequestContext::changed(number);
            }
        });
    }

    fn people(people: Vec<(TenantId, SubjectId)>) -> Vec<Person> {
        let pair = |(tenant, subject): (TenantId, SubjectId)| (tenant.0, subject.0);
        people.into_iter().map(pair).collect()
    }
}

impl House for Household {
    fn secret(&self, tenant: Uuid) -> BoxFuture<'_, Option<Arc<dyn Secret>>> {
        Box::pin(async move {
            let keys = self.ctx.keys.live_tenant(TenantId(tenant)).await.ok()?;
            let secret: Arc<dyn Secret> = Arc::new(TenantSecret {
                keys,
                ctx: self.ctx.clone(),
            });
            Some(secret)
        })
    }

    fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        self.ctx.keys.seal_for_nodes(place, plain)
    }

    fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.ctx.keys.open_from_node(place, sealed)
    }

    fn heed(&self, change: Bytes) -> BoxFuture<'_, Option<Vec<Person>>> {
        Box::pin(async move {
            let change: Change = serde_json::from_slice(&change).ok()?;
            let people = changes::follow(&self.ctx, &change).await;
            if matches!(change, Change::Picture(_)) {
                self.relays.follow(&self.ctx);
            }
            people.map(Self::people).map_err(|error| failed(&error)).ok()
        })
    }

    fn revalidate(&self) -> BoxFuture<'_, Option<Vec<Person>>> {
        Box::pin(async move {
            let people = changes::revalidate(&self.ctx).await;
            self.relays.follow(&self.ctx);
            people.map(Self::people).map_err(|error| failed(&error)).ok()
        })
    }
}

fn failed(error: &domain::Error) {
    tracing::warn!(
        error = format!("{error:#}"),
        "what other nodes changed could not be read"
    );
}

/// Seals a tenant's messages between nodes with the tenant's own key: who destroys that destroys them too.
struct TenantSecret {
    keys: LiveTenantKeys,
    ctx: Ctx,
}

impl Secret for TenantSecret {
    fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        self.keys
            .load()
            .tenant
            .seal_value(place, plain, &*self.ctx.chance)
    }

    fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.keys.load().tenant.open_value(place, sealed).ok()
    }

    fn blind(&self, what: &str) -> [u8; 16] {
        let mut name = [0; 16];
        name.copy_from_slice(&self.keys.load().index.blind("nodes", what)[..16]);
        name
    }
}
