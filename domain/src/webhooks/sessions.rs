//! That sessions opened and ended, told in the transaction that records it. The record decides what is new: whoever
//! writes it first tells of it, once, however often or by how many it is written.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entity::{
    connection,
    id::{ConnectionId, EndpointId, TenantId, WebhookId},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, QueryFilter, QuerySelect};

use super::{
    draft::{About, Draft, Source, Telling},
    events::{self, EventKind},
    listening::Hook,
    write,
};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    pictures::{self, Picture},
    tenancy::SystemTx,
};

/// Who wants to hear of these sessions.
pub(crate) struct Listeners(HashMap<TenantId, Arc<Picture>>);

/// What happened to one session.
struct Change<'a> {
    kind: EventKind,
    at: DateTime<Utc>,
    row: &'a connection::Model,
}

const BOTH: i32 = EventKind::Connected as i32 | EventKind::Disconnected as i32;

impl Listeners {
    /// Those of the tenants of these sessions. Asked before a transaction begins: a picture may have to be read first.
    pub(crate) async fn of(ctx: &Ctx, rows: &[connection::Model]) -> Result<Self> {
        let mut listeners = HashMap::new();
        for row in rows {
            if listeners.contains_key(&row.tenant_id) {
                continue;
            }
            match pictures::load_tenant(ctx, row.tenant_id).await {
                Ok(picture) => drop(listeners.insert(row.tenant_id, picture)),
                // The tenant is gone; nobody hears.
                Err(Error::Gone { .. } | Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        listeners.retain(|_, picture| {
            picture
                .endpoints()
                .any(|endpoint| endpoint.listening.wants(BOTH, None))
        });
        Ok(Self(listeners))
    }

    fn hear_of(&self, row: &connection::Model) -> bool {
        self.0
            .get(&row.tenant_id)
            .and_then(|picture| picture.endpoint(row.endpoint_id))
            .is_some_and(|endpoint| endpoint.listening.wants(BOTH, None))
    }

    /// What the records say of these sessions before they are written: whether they ended. Locked until the end of the
    /// transaction. Sessions that nobody hears of are left out.
    pub(crate) async fn recorded(
        &self,
        tx: &SystemTx,
        rows: &[connection::Model],
    ) -> Result<HashMap<ConnectionId, bool>> {
        let ids: Vec<ConnectionId> = rows
            .iter()
            .filter(|row| self.hear_of(row))
            .map(|row| row.id)
            .collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut found = tx
            .find::<connection::Entity>()
            .filter(connection::Column::Id.is_in(ids));
        if tx.conn().get_database_backend() == DbBackend::Postgres {
            found = found.lock_exclusive();
        }
        let found = found.all(tx.conn()).await?;
        Ok(found
            .into_iter()
            .map(|row| (row.id, row.closed_at.is_some()))
            .collect())
    }

    /// Tells of what is new in these records, given what was recorded before.
    pub(crate) async fn tell(
        &self,
        ctx: &Ctx,
        tx: &SystemTx,
        rows: &[connection::Model],
        before: &HashMap<ConnectionId, bool>,
    ) -> Result<()> {
        let mut changes = Vec::new();
        for row in rows.iter().filter(|row| self.hear_of(row)) {
            let ended = before.get(&row.id).copied();
            if ended.is_none() {
                let (kind, at) = (EventKind::Connected, row.opened_at);
                changes.push(Change { kind, at, row });
            }
            if let Some(at) = row.closed_at
                && ended != Some(true)
            {
                let kind = EventKind::Disconnected;
                changes.push(Change { kind, at, row });
            }
        }
        // Stable: a session that came and went within a millisecond came first.
        changes.sort_by_key(|change| change.at);
        let drafts = self.drafts(ctx, &changes).await?;
        write::deliveries(tx, &drafts, ctx.now()).await
    }

    async fn drafts(&self, ctx: &Ctx, changes: &[Change<'_>]) -> Result<Vec<Draft>> {
        type Told<'a> = (&'a Picture, EndpointId, &'a Hook, Vec<Telling>);
        let mut told: BTreeMap<WebhookId, Told<'_>> = BTreeMap::new();
        for change in changes {
            let id = change.row.endpoint_id;
            let Some(picture) = self.0.get(&change.row.tenant_id) else {
                continue;
            };
            let Some(endpoint) = picture.endpoint(id) else {
                continue;
            };
            for hook in endpoint.listening.receivers(change.kind, None) {
                let shape = match change.kind {
                    EventKind::Connected => events::connected(change.row),
                    _ => events::disconnected(change.row),
                };
                let (_, _, _, tellings) = told
                    .entry(hook.id)
                    .or_insert_with(|| (picture.as_ref(), id, hook, Vec::new()));
                tellings.push(Telling {
                    kind: change.kind,
                    about: About::Session(change.row.id),
                    shape,
                });
            }
        }
        let settings = &ctx.settings.webhooks;
        let mut drafts = Vec::new();
        for (picture, endpoint, hook, tellings) in told.into_values() {
            let source = Source {
                ctx,
                picture,
                endpoint,
                hook,
                transit: settings.transit(),
            };
            for some in tellings.chunks(settings.batch_events.max(1)) {
                drafts.extend(source.draft(some).await?);
            }
        }
        Ok(drafts)
    }
}
