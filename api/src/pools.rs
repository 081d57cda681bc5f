//! Pools of relays over REST: what they look like on all nodes, and what they are told.

use broker::upstream::{Breaker, NodePool, PoolStats};
use domain::{
    endpoints::{self, PoolOrder},
    permissions::Permission,
};
use entity::{
    endpoint::{self, PoolMode, PoolState},
    id::EndpointId,
};
use poem_openapi::{Enum, Object, OpenApi, param::Path, payload::Json};

use crate::{caller::Caller, problem::ApiError, state::State, tags::Tag};

/// Whether new sockets to the back end are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum PoolBreaker {
    /// They are.
    Closed,
    /// One is, after several that failed.
    HalfOpen,
    /// They are not, for a while: too many failed.
    Open,
}

impl From<Breaker> for PoolBreaker {
    fn from(breaker: Breaker) -> Self {
        match breaker {
            Breaker::Closed => Self::Closed,
            Breaker::HalfOpen => Self::HalfOpen,
            Breaker::Open => Self::Open,
        }
    }
}

/// What one node has of a pool.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PoolOfNode {
    /// The node, by name.
    node: String,
    /// Sockets that it may have now, of `max`.
    leased: u64,
    idle: u64,
    active: u64,
    connecting: u64,
    closing: u64,
    waiting: u64,
    max_wait_ms: u64,
    sessions: u64,
    connects: u64,
    failures: u64,
    breaker: PoolBreaker,
    rtt_ms: Option<f64>,
}

/// The sockets of a relay to its back end, on all nodes.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Pool {
    /// `unused` until somebody connects, then `open`; `paused`, `draining`, and `drained` when the last socket is gone.
    state: String,
    /// How end-users share sockets.
    mode: PoolMode,
    /// End-users on one socket at most, with `multiplex`.
    sessions_per_socket: i32,
    /// Ready.
    idle: u64,
    /// In use.
    active: u64,
    /// Being opened.
    connecting: u64,
    /// Being closed; they count until they are.
    closing: u64,
    /// End-users waiting for one.
    waiting: u64,
    /// How long the first of them has waited.
    max_wait_ms: u64,
    /// End-users served over those in use.
    sessions: u64,
    /// Sockets that the nodes may have now, together; never above `max`.
    leased: u64,
    /// The endpoint's `pool_min`, on each node that serves it.
    min: i32,
    /// The endpoint's `pool_max`, on all nodes together.
    max: i32,
    /// Sockets opened since the nodes started.
    connects: u64,
    /// Attempts that failed.
    failures: u64,
    /// The worst of any node.
    breaker: PoolBreaker,
    /// How long the back end takes to answer a ping, in milliseconds, at the node where it takes longest.
    rtt_ms: Option<f64>,
    /// Node by node.
    nodes: Vec<PoolOfNode>,
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn rtt(stats: &PoolStats) -> Option<f64> {
    stats.rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3)
}

impl Pool {
    fn new(row: &endpoint::Model, nodes: Vec<NodePool>, here: &str) -> Self {
        let parts = nodes.iter().filter_map(|node| node.stats);
        let all = parts.reduce(PoolStats::and);
        let sum = all.unwrap_or_default();
        let sockets = sum.idle + sum.active + sum.connecting + sum.closing;
        let state = match (row.pool_state, all) {
            (PoolState::Paused, _) => "paused",
            (PoolState::Draining, _) if sockets == 0 => "drained",
            (PoolState::Draining, _) => "draining",
            (PoolState::Open, None) => "unused",
            (PoolState::Open, Some(_)) => "open",
        };
        Self {
            state: state.to_owned(),
            mode: row.pool_mode,
            sessions_per_socket: row.sessions_per_socket,
            idle: sum.idle as u64,
            active: sum.active as u64,
            connecting: sum.connecting as u64,
            closing: sum.closing as u64,
            waiting: sum.waiting as u64,
            max_wait_ms: millis(sum.max_wait),
            sessions: sum.sessions as u64,
            leased: sum.leased as u64,
            min: row.pool_min,
            max: row.pool_max,
            connects: sum.connects,
            failures: sum.failures,
            breaker: sum.breaker.into(),
            rtt_ms: rtt(&sum),
            nodes: nodes
                .into_iter()
                .map(|node| PoolOfNode::new(&node, here))
                .collect(),
        }
    }
}

impl PoolOfNode {
    fn new(of: &NodePool, here: &str) -> Self {
        let stats = of.stats.unwrap_or_default();
        // Where there is only one node, it has no need to be told apart.
        let node = if of.node.is_empty() { here } else { &of.node };
        Self {
            node: node.to_owned(),
            leased: stats.leased as u64,
            idle: stats.idle as u64,
            active: stats.active as u64,
            connecting: stats.connecting as u64,
            closing: stats.closing as u64,
            waiting: stats.waiting as u64,
            max_wait_ms: millis(stats.max_wait),
            sessions: stats.sessions as u64,
            connects: stats.connects,
            failures: stats.failures,
            breaker: stats.breaker.into(),
            rtt_ms: rtt(&stats),
        }
    }
}

/// Pools.
pub struct PoolsApi(pub State);

impl PoolsApi {
    async fn out(&self, row: &endpoint::Model) -> Json<Pool> {
        let nodes = self.0.broker.pool(row.id.0).await;
        Json(Pool::new(row, nodes, &self.0.settings.node))
    }

    async fn order(&self, caller: Caller, id: EndpointId, order: PoolOrder) -> Result<Json<Pool>, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = endpoints::order_pool(&tx, &self.0.ctx, id, order).await?;
        tx.save().await?;
        self.0.endpoint_changed(scope, &row).await?;
        Ok(self.out(&row).await)
    }
}

#[OpenApi(tag = "Tag::Endpoints")]
impl PoolsApi {
    /// See the upstream pool of a relay.
    ///
    /// On all nodes, together and one by one, as PgBouncer's `SHOW POOLS` does. A node that does not answer within a second
    /// is left out.
    #[oai(
        path = "/endpoints/:endpoint_id/pool",
        method = "get",
        operation_id = "read_endpoint_pool"
    )]
    async fn read(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<Pool>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = endpoints::read_relay(&tx, endpoint_id.0).await?;
        drop(tx);
        Ok(self.out(&row).await)
    }

    /// Drain the pool of a relay.
    ///
    /// Who comes is refused with 503, or 4101 on an open socket. Ready sockets are closed now, those in use when their
    /// end-users leave. Acts on all nodes when it is answered, and on those that start later, until `resume`.
    #[oai(
        path = "/endpoints/:endpoint_id/pool/drain",
        method = "post",
        operation_id = "drain_endpoint_pool"
    )]
    async fn drain(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<Pool>, ApiError> {
        self.order(caller, endpoint_id.0, PoolOrder::Drain).await
    }

    /// Pause the pool of a relay.
    ///
    /// Who comes waits, as long as a session may wait for a socket; end-users who have one keep it. Acts on all nodes when it
    /// is answered, and on those that start later, until `resume`.
    #[oai(
        path = "/endpoints/:endpoint_id/pool/pause",
        method = "post",
        operation_id = "pause_endpoint_pool"
    )]
    async fn pause(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<Pool>, ApiError> {
        self.order(caller, endpoint_id.0, PoolOrder::Pause).await
    }

    /// Resume the pool of a relay.
    ///
    /// After `pause` or `drain`. Who waits is served at once.
    #[oai(
        path = "/endpoints/:endpoint_id/pool/resume",
        method = "post",
        operation_id = "resume_endpoint_pool"
    )]
    async fn resume(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<Pool>, ApiError> {
        self.order(caller, endpoint_id.0, PoolOrder::Resume).await
    }

    /// Replace all sockets of a relay.
    ///
    /// For a back end that moved. Ready sockets are closed and opened anew; end-users who have one are closed with 4200 over
    /// two seconds, and come back on a new one.
    #[oai(
        path = "/endpoints/:endpoint_id/pool/reconnect",
        method = "post",
        operation_id = "reconnect_endpoint_pool"
    )]
    async fn reconnect(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<Pool>, ApiError> {
        self.order(caller, endpoint_id.0, PoolOrder::Reconnect).await
    }
}
