//! Records of end-user connections: who was connected, from when to when, how much passed. What is open right now and
//! what waits on it is the broker's affair.

mod orphans;
mod recorder;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    connection::{self, Column},
    id::{ConnectionId, EndpointId, SubjectId, TenantId},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter};

pub use orphans::close_left_open;
pub use recorder::Recorder;

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    pictures,
    retention::connections_expired,
    tenancy::TenantTx,
};

/// A connection that has just been accepted.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The connection.
    pub id: ConnectionId,
    /// The tenant.
    pub tenant: TenantId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Who it is, once authenticated.
    pub subject: Option<SubjectId>,
    /// Where from, as [`network_of`] says.
    pub address: Option<String>,
}

/// What passed since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Payload bytes from the end-user.
    pub bytes_in: u64,
    /// Payload bytes to the end-user.
    pub bytes_out: u64,
    /// Messages from the end-user.
    pub messages_in: u64,
    /// Messages to the end-user.
    pub messages_out: u64,
}

/// The network an address belongs to, IPv4 /24 or IPv6 /48: enough to see where connections come from, too little to
/// tell who.
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Accepted; not yet known whose.
    Opened,
    /// Known whose, and busy.
    Authenticated,
    /// Nothing passed for a while.
    Idle,
    /// Closed.
    Closed,
}

impl State {
    /// The published spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Authenticated => "authenticated",
            Self::Idle => "idle",
            Self::Closed => "closed",
        }
    }
}

/// Nothing passed for this long: idle.
const IDLE_AFTER: TimeDelta = TimeDelta::seconds(60);

/// Where a connection stands at `now`.
pub fn state(row: &connection::Model, now: DateTime<Utc>) -> State {
    if row.closed_at.is_some() {
        State::Closed
    } else if now - row.last_activity_at >= IDLE_AFTER {
        State::Idle
    } else if row.authenticated_at.is_some() {
        State::Authenticated
    } else {
        State::Opened
    }
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// On this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Of this person.
    pub subject: Option<SubjectId>,
    /// Open, or closed.
    pub open: Option<bool>,
    /// Opened not before.
    pub from: Option<DateTime<Utc>>,
    /// Opened before.
    pub to: Option<DateTime<Utc>>,
}

/// Lists connections, the newest first. What has expired is not listed.
pub async fn list(
    tx: &TenantTx,
    ctx: &Ctx,
    filter: &Filter,
    page: &PageIn,
) -> Result<Page<connection::Model>> {
    let mut rows = tx.find::<connection::Entity>().filter(readable(tx, ctx).await?);
    if let Some(endpoint) = filter.endpoint {
        rows = rows.filter(Column::EndpointId.eq(endpoint));
    }
    if let Some(subject) = filter.subject {
        rows = rows.filter(Column::SubjectId.eq(subject));
    }
    rows = match filter.open {
        Some(true) => rows.filter(Column::ClosedAt.is_null()),
        Some(false) => rows.filter(Column::ClosedAt.is_not_null()),
        None => rows,
    };
    if let Some(from) = filter.from {
        rows = rows.filter(Column::OpenedAt.gte(from));
    }
    if let Some(to) = filter.to {
        rows = rows.filter(Column::OpenedAt.lt(to));
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one connection.
pub async fn read(tx: &TenantTx, ctx: &Ctx, id: ConnectionId) -> Result<connection::Model> {
    let row = tx
        .find_by_id::<connection::Entity, _>(id)
        .filter(readable(tx, ctx).await?)
        .one(tx.conn())
        .await?;
    row.ok_or(Error::NotFound { what: "connection" })
}

/// Open, or closed not longer ago than the rules keep it.
pub(crate) async fn readable(tx: &TenantTx, ctx: &Ctx) -> Result<Condition> {
    let picture = pictures::load(ctx, tx.scope()).await?;
    let expired = connections_expired(&picture.rules, ctx.now());
    // `NOT` of a comparison with NULL would be NULL.
    Ok(Condition::any()
        .add(Column::ClosedAt.is_null())
        .add(expired.not()))
}

/// Refuses when one more open connection would be too many on this node.
pub fn check_quota(ctx: &Ctx, tenant: TenantId) -> Result<()> {
    let Some(picture) = ctx.pictures.of(tenant) else {
        return Ok(());
    };
    if picture.counters.open() >= picture.quotas.connections {
        return Err(Error::OverQuota {
            quota: "connections",
            limit: picture.quotas.connections,
        });
    }
    Ok(())
}
