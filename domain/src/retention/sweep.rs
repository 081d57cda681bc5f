//! The removal of records of closed connections, and of details of audit events.

use chrono::{DateTime, Utc};
use entity::{
    audit_event, connection,
    id::{AuditEventId, TenantId},
    lifecycle_event, tenant,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, QueryTrait};
use serde_json::json;

use super::rules::{CONNECTIONS_KEPT, Rules};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    pictures::{self, Picture},
    tenancy::{Actor, TenantScope},
    webhooks,
};

/// Rows in one transaction.
const BATCH: u64 = 1_000;

/// Audit events of this kind are not worth an audit event when they go: there would always be another one.
const OWN: &str = "audit_events.expired";

/// How many rows were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Records of connections.
    pub connections: u64,
    /// Details of audit events; their leaves stay.
    pub audit_events: u64,
    /// Channels' comings and goings.
    pub lifecycle_events: u64,
}

/// Removes what has expired, over all tenants. To be called every minute or so.
///
/// # Errors
/// What the store said. What was removed until then stays removed.
pub async fn sweep(ctx: &Ctx) -> Result<Swept> {
    let mut swept = Swept::default();
    for tenant in tenants(ctx).await? {
        let picture = match pictures::load_tenant(ctx, tenant).await {
            Ok(picture) => picture,
            // Removed since it was listed.
            Err(Error::Gone { .. } | Error::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        swept.connections += connections(ctx, &picture).await?;
        swept.audit_events += audit_events(ctx, &picture).await?;
        swept.lifecycle_events += lifecycle_events(ctx, &picture).await?;
    }
    Ok(swept)
}

/// All tenants there are.
pub(super) async fn tenants(ctx: &Ctx) -> Result<Vec<TenantId>> {
    let tx = ctx
        .store
        .system_read("expired data of all tenants is removed")
        .await?;
    let tenants = tx
        .find::<tenant::Entity>()
        .select_only()
        .column(tenant::Column::Id)
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(tenants)
}

/// Records of connections that have expired under these rules.
pub fn connections_expired(rules: &Rules, now: DateTime<Utc>) -> Condition {
    records_expired(
        rules,
        now,
        connection::Column::EndpointId,
        connection::Column::ClosedAt,
    )
}

/// Records that follow the rules for connections and have expired, by the endpoint and the time in them.
pub(crate) fn records_expired<C: ColumnTrait>(rules: &Rules, now: DateTime<Utc>, of: C, at: C) -> Condition {
    let mut expired = Condition::any();
    let mut named = Vec::new();
    for endpoint in rules.all_connections().iter().filter_map(|rule| rule.endpoint) {
        if named.contains(&endpoint) {
            continue;
        }
        if let Some(rule) = rules.connections(endpoint) {
            expired = expired.add(
                Condition::all()
                    .add(of.eq(endpoint))
                    .add(at.lt(rule.kept.cutoff(now))),
            );
        }
        named.push(endpoint);
    }
    let general = rules
        .all_connections()
        .iter()
        .find(|rule| rule.endpoint.is_none());
    let cutoff = general.map_or(now - CONNECTIONS_KEPT, |rule| rule.kept.cutoff(now));
    let mut others = Condition::all().add(at.lt(cutoff));
    if !named.is_empty() {
        others = others.add(of.is_not_in(named));
    }
    expired.add(others)
}

async fn connections(ctx: &Ctx, picture: &Picture) -> Result<u64> {
    let scope = TenantScope::new(picture.tenant, Actor::System);
    let expired = connections_expired(&picture.rules, ctx.now());
    let mut total = 0;
    loop {
        let tx = ctx.store.begin(&scope).await?;
        let some = tx
            .find::<connection::Entity>()
            .select_only()
            .column(connection::Column::Id)
            .filter(expired.clone())
            .limit(BATCH)
            .into_query();
        let count = tx
            .delete_many::<connection::Entity>()
            .filter(connection::Column::Id.in_subquery(some))
            .exec(tx.conn())
            .await?
            .rows_affected;
        total += count;
        let last = count < BATCH;
        if last && total > 0 {
            let event = Event::new("connections.expired").facts(json!({ "count": total }));
            audit::record(&tx, ctx, event).await?;
        }
        tx.save().await?;
        if last {
            return Ok(total);
        }
        tokio::task::yield_now().await;
    }
}

async fn lifecycle_events(ctx: &Ctx, picture: &Picture) -> Result<u64> {
    let scope = TenantScope::new(picture.tenant, Actor::System);
    let expired = webhooks::lifecycle_expired(&picture.rules, ctx.now());
    let mut total = 0;
    loop {
        let tx = ctx.store.begin(&scope).await?;
        let some = tx
            .find::<lifecycle_event::Entity>()
            .select_only()
            .column(lifecycle_event::Column::Id)
            .filter(expired.clone())
            .limit(BATCH)
            .into_query();
        let count = tx
            .delete_many::<lifecycle_event::Entity>()
            .filter(lifecycle_event::Column::Id.in_subquery(some))
            .exec(tx.conn())
            .await?
            .rows_affected;
        total += count;
        tx.save().await?;
        if count < BATCH {
            return Ok(total);
        }
        tokio::task::yield_now().await;
    }
}

async fn audit_events(ctx: &Ctx, picture: &Picture) -> Result<u64> {
    let Some(rule) = picture.rules.audit_events() else {
        return Ok(0);
    };
    let scope = TenantScope::new(picture.tenant, Actor::System);
    let cutoff = rule.kept.cutoff(ctx.now());
    let (mut total, mut telling) = (0, 0);
    loop {
        let tx = ctx.store.begin(&scope).await?;
        let some: Vec<(AuditEventId, String)> = tx
            .find::<audit_event::Entity>()
            .select_only()
            .column(audit_event::Column::Id)
            .column(audit_event::Column::Kind)
            .filter(audit_event::Column::At.lt(cutoff))
            .limit(BATCH)
            .into_tuple()
            .all(tx.conn())
            .await?;
        if some.is_empty() && telling == 0 {
            return Ok(total);
        }
        let last = u64::try_from(some.len()).is_ok_and(|count| count < BATCH);
        telling += some.iter().filter(|(_, kind)| kind != OWN).count();
        total += tx
            .delete_many::<audit_event::Entity>()
            .filter(audit_event::Column::Id.is_in(some.iter().map(|(id, _)| *id)))
            .exec(tx.conn())
            .await?
            .rows_affected;
        if last && telling > 0 {
            let facts = json!({ "count": total, "rule": rule.id, "cutoff": cutoff });
            audit::record(&tx, ctx, Event::new(OWN).facts(facts)).await?;
        }
        tx.save().await?;
        if last {
            return Ok(total);
        }
        tokio::task::yield_now().await;
    }
}
