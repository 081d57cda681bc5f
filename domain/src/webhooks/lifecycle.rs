//! Channels' comings and goings, to be read. Kept as long as records of connections are.

use chrono::{DateTime, Utc};
use entity::{
    id::EndpointId,
    lifecycle_event::{self, Column, LifecycleKind},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter};

use crate::{
    ctx::Ctx,
    error::Result,
    page::{self, Page, PageIn},
    pictures,
    retention::{Rules, records_expired},
    tenancy::TenantTx,
};

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// On this endpoint.
    pub endpoint: Option<EndpointId>,
    /// On this channel.
    pub channel: Option<String>,
    /// Of this kind.
    pub kind: Option<LifecycleKind>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// Those that have expired under these rules.
pub(crate) fn expired(rules: &Rules, now: DateTime<Utc>) -> Condition {
    records_expired(rules, now, Column::EndpointId, Column::At)
}

/// Lists them, the newest first. What has expired is not listed.
pub async fn list(
    tx: &TenantTx,
    ctx: &Ctx,
    filter: &Filter,
    page: &PageIn,
) -> Result<Page<lifecycle_event::Model>> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let mut rows = tx
        .find::<lifecycle_event::Entity>()
        .filter(expired(&picture.rules, ctx.now()).not());
    if let Some(endpoint) = filter.endpoint {
        rows = rows.filter(Column::EndpointId.eq(endpoint));
    }
    if let Some(channel) = &filter.channel {
        rows = rows.filter(Column::Channel.eq(channel));
    }
    if let Some(kind) = filter.kind {
        rows = rows.filter(Column::Kind.eq(kind));
    }
    if let Some(from) = filter.from {
        rows = rows.filter(Column::At.gte(from));
    }
    if let Some(to) = filter.to {
        rows = rows.filter(Column::At.lt(to));
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}
