//! Who is and was connected, over REST.

use broker::{Close, Scope, Selector};
use chrono::{DateTime, Utc};
use domain::{connections, connections::Filter, page::PageIn, permissions::Permission, pictures};
use entity::{
    connection,
    id::{ConnectionId, EndpointId, SubjectId},
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{
    caller::Caller,
    problem::ApiError,
    responses::{NoContent, Page},
    state::State,
    tags::Tag,
};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Accepted; not yet known whose.
    Opened,
    /// Known whose, and busy.
    Authenticated,
    /// Nothing passed for a minute.
    Idle,
    /// Closed.
    Closed,
}

impl From<connections::State> for ConnectionState {
    fn from(state: connections::State) -> Self {
        match state {
            connections::State::Opened => Self::Opened,
            connections::State::Authenticated => Self::Authenticated,
            connections::State::Idle => Self::Idle,
            connections::State::Closed => Self::Closed,
        }
    }
}

/// Open connections, or closed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum OpenOrClosed {
    /// Open now.
    Open,
    /// Closed.
    Closed,
}

/// One end-user connection.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Connection {
    id: ConnectionId,
    endpoint_id: EndpointId,
    /// Whose it is.
    subject_id: Option<SubjectId>,
    /// The process that holds the socket.
    node: String,
    state: ConnectionState,
    opened_at: DateTime<Utc>,
    authenticated_at: Option<DateTime<Utc>>,
    last_activity_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    /// RFC 6455 §7.4, or one of ours.
    close_code: Option<i32>,
    close_reason: Option<String>,
    bytes_in: i64,
    bytes_out: i64,
    messages_in: i64,
    messages_out: i64,
    /// The network it came from, never the whole address.
    address: Option<String>,
}

impl Connection {
    fn new(row: connection::Model, now: DateTime<Utc>) -> Self {
        Self {
            state: connections::state(&row, now).into(),
            id: row.id,
            endpoint_id: row.endpoint_id,
            subject_id: row.subject_id,
            node: row.node,
            opened_at: row.opened_at,
            authenticated_at: row.authenticated_at,
            last_activity_at: row.last_activity_at,
            closed_at: row.closed_at,
            close_code: row.close_code,
            close_reason: row.close_reason,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            messages_in: row.messages_in,
            messages_out: row.messages_out,
            address: row.address,
        }
    }
}

/// Connections.
pub struct ConnectionsApi(pub State);

#[OpenApi(tag = "Tag::Connections")]
impl ConnectionsApi {
    /// List connections.
    ///
    /// Records of closed ones are kept as the retention rules for connections say, 30 days without one.
    #[oai(path = "/connections", method = "get", operation_id = "list_connections")]
    async fn list(
        &self,
        caller: Caller,
        endpoint_id: Query<Option<EndpointId>>,
        subject_id: Query<Option<SubjectId>>,
        state: Query<Option<OpenOrClosed>>,
        /// Opened not before.
        from: Query<Option<DateTime<Utc>>>,
        /// Opened before.
        to: Query<Option<DateTime<Utc>>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Connection>>, ApiError> {
        let scope = caller.may(Permission::ConnectionsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = Filter {
            endpoint: endpoint_id.0,
            subject: subject_id.0,
            open: state.0.map(|state| state == OpenOrClosed::Open),
            from: from.0,
            to: to.0,
        };
        let now = self.0.ctx.now();
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let found = connections::list(&tx, &self.0.ctx, &filter, &page).await?;
        Ok(Page::from(found, |row| Connection::new(row, now)))
    }

    /// Read a connection.
    #[oai(
        path = "/connections/:connection_id",
        method = "get",
        operation_id = "read_connection"
    )]
    async fn read(
        &self,
        caller: Caller,
        connection_id: Path<ConnectionId>,
    ) -> Result<Json<Connection>, ApiError> {
        let scope = caller.may(Permission::ConnectionsRead)?;
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = connections::read(&tx, &self.0.ctx, connection_id.0).await?;
        Ok(Json(Connection::new(row, self.0.ctx.now())))
    }

    /// Disconnect.
    ///
    /// The socket is closed with 4034. Does nothing to a connection that is closed already.
    #[oai(
        path = "/connections/:connection_id",
        method = "delete",
        operation_id = "close_connection"
    )]
    async fn close(&self, caller: Caller, connection_id: Path<ConnectionId>) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::ConnectionsWrite)?;
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = connections::read(&tx, &self.0.ctx, connection_id.0).await?;
        drop(tx);
        let selector = Selector {
            tenant: scope.tenant().0,
            scope: Scope::Session(row.id.0),
        };
        self.0
            .broker
            .disconnect(selector, Close::DISCONNECTED_BY_TENANT)
            .await;
        Ok(NoContent::Done)
    }
}
