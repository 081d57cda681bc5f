//! What the endpoints' operations take and answer.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::endpoints::{EndpointPatch, LimitsPatch, NewEndpoint, header_names};
use entity::{
    endpoint::{self, EndpointKind, OnWithdrawal, Opaque, PoolMode, RecordMode, SlowConsumer, UpstreamState},
    id::{EndpointId, PurposeId},
};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::Deserialize;
use serde_json::Value;

/// An endpoint to be registered.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointIn {
    /// 2 to 64 of `a-z`, `0-9`, `-`, `_`; part of the connect address.
    #[oai(validator(min_length = 2, max_length = 64))]
    slug: String,
    /// What people call it; the slug if absent.
    name: Option<String>,
    /// `channel`: publish and subscribe. `relay`: connections to `upstream_url`, pooled.
    kind: EndpointKind,
    /// The WebSocket of your back end (`ws://` or `wss://`), for a relay; `https://` with `pool_mode: "webhook"`.
    upstream_url: Option<String>,
    /// Headers of the opening request to the upstream, by name: an API key, for instance. Not shown again. Those of the connection
    /// and the handshake (`Host`, `Upgrade`, `Sec-WebSocket-…`) are not yours to say.
    pub(super) upstream_headers: Option<BTreeMap<String, String>>,
    /// A client certificate that the upstream is shown, in PEM, your own first and then those between it and the authority.
    pub(super) upstream_certificate: Option<String>,
    /// Its private key, in PEM without a passphrase. Not shown again.
    pub(super) upstream_key: Option<String>,
    /// The authorities that may vouch for the upstream, in PEM, where it has a certificate of a private one. Those of the operating
    /// system if absent.
    pub(super) upstream_ca: Option<String>,
    /// Offered to the upstream as `Sec-WebSocket-Protocol`.
    subprotocol: Option<String>,
    /// Warm upstream sockets kept ready. Default 2, or `pool_max` if that is less.
    pool_min: Option<i32>,
    /// Most upstream sockets at a time. Default 100.
    pool_max: Option<i32>,
    /// `session`: each end-user has an upstream socket of their own. `multiplex`: many share a few, and the back end speaks
    /// `weir.mux.v1`. `webhook`: there are none, and what happens on sessions is posted to `upstream_url`, at most `pool_max` requests
    /// at a time on each node. Default `session`.
    pool_mode: Option<PoolMode>,
    /// End-users on one upstream socket at most, with `multiplex`. Default 100.
    sessions_per_socket: Option<i32>,
    /// When messages are recorded, relative to their delivery. Default `before`. Whether they are kept at all is said
    /// by retention rules.
    record: Option<RecordMode>,
    /// What happens to messages that the catalogue cannot look into: bytes, and text that is not JSON. `record`: they are
    /// recorded as they are. `pass`: they are delivered and never recorded. `refuse`: they may not pass. Default
    /// `record`.
    opaque: Option<Opaque>,
    /// What the messages are processed for.
    purpose_id: Option<PurposeId>,
    /// What happens to open sockets of a person who withdraws consent. Default `close`.
    on_withdrawal: Option<OnWithdrawal>,
    /// Origins that browsers may connect from; any if absent or empty.
    allowed_origins: Option<Vec<String>>,
    /// Where the keys of EdDSA, ES256 and RS256 connection tokens are (RFC 7517).
    jwks_url: Option<String>,
    /// Those keys themselves.
    jwks: Option<Value>,
    /// The largest message, in bytes. Default 65536.
    max_message_bytes: Option<i32>,
    /// Whether clients may publish `client-` events on private and presence channels. Default true.
    client_events: Option<bool>,
    /// Client events per session and second; more of them are refused with 4301. 0: any number. Default 10.
    client_events_per_second: Option<i32>,
    /// Whether subscribers hear how many there are on a channel. Default false.
    subscription_counts: Option<bool>,
    /// Members of one presence channel; who comes then is refused. Default 1000.
    presence_members: Option<i32>,
    /// Channels that one session may be on. Default 100.
    channels_per_session: Option<i32>,
    /// What happens when a session does not read as fast as messages come for it. `disconnect`: it is closed with 4102.
    /// `drop_oldest`: the oldest messages that wait for it are dropped. `conflate`: of the same channel and event only the
    /// newest waits. Default `disconnect`.
    slow_consumer: Option<SlowConsumer>,
    /// Open connections on this endpoint; who comes then is closed with 4004. Absent: as many as the tenant may have.
    max_connections: Option<i32>,
    /// The same for one person.
    max_connections_per_subject: Option<i32>,
    /// The same for one address.
    max_connections_per_address: Option<i32>,
    /// Messages from one session per second, with bursts of as many; more close it with 4100. 0: any number. Default 0.
    messages_per_second: Option<i32>,
    /// Payload bytes from one session per second, likewise; not below `max_message_bytes`. 0: any number. Default 0.
    bytes_per_second: Option<i32>,
    /// Seconds in which a session must have said whose it is, or it is closed with 4009. Absent: 10 where the endpoint's
    /// purpose waits for consent, for ever elsewhere.
    authenticate_within_seconds: Option<i32>,
}

impl From<EndpointIn> for NewEndpoint {
    fn from(input: EndpointIn) -> Self {
        let usual = NewEndpoint::new(input.slug, input.kind).with_pool(input.pool_min, input.pool_max);
        Self {
            name: input.name,
            upstream_url: input.upstream_url,
            subprotocol: input.subprotocol,
            pool_mode: input.pool_mode.unwrap_or(usual.pool_mode),
            sessions_per_socket: input.sessions_per_socket.unwrap_or(usual.sessions_per_socket),
            record: input.record.unwrap_or(usual.record),
            opaque: input.opaque.unwrap_or(usual.opaque),
            purpose_id: input.purpose_id,
            on_withdrawal: input.on_withdrawal.unwrap_or(usual.on_withdrawal),
            allowed_origins: input.allowed_origins.unwrap_or_default(),
            jwks_url: input.jwks_url,
            jwks: input.jwks,
            max_message_bytes: input.max_message_bytes.unwrap_or(usual.max_message_bytes),
            limits: usual.limits.with(&LimitsPatch {
                client_events: input.client_events,
                client_events_per_second: input.client_events_per_second,
                subscription_counts: input.subscription_counts,
                presence_members: input.presence_members,
                channels_per_session: input.channels_per_session,
                slow_consumer: input.slow_consumer,
                max_connections: Some(input.max_connections),
                max_connections_per_subject: Some(input.max_connections_per_subject),
                max_connections_per_address: Some(input.max_connections_per_address),
                messages_per_second: input.messages_per_second,
                bytes_per_second: input.bytes_per_second,
                authenticate_within_seconds: Some(input.authenticate_within_seconds),
            }),
            ..usual
        }
    }
}

/// Changes to an endpoint. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointPatchIn {
    name: Option<String>,
    upstream_url: Option<String>,
    /// All headers, in place of those that are there.
    #[serde(default)]
    pub(super) upstream_headers: MaybeUndefined<BTreeMap<String, String>>,
    /// With `upstream_key`; `null` takes both away.
    #[serde(default)]
    pub(super) upstream_certificate: MaybeUndefined<String>,
    #[serde(default)]
    pub(super) upstream_key: MaybeUndefined<String>,
    #[serde(default)]
    pub(super) upstream_ca: MaybeUndefined<String>,
    #[serde(default)]
    subprotocol: MaybeUndefined<String>,
    pool_min: Option<i32>,
    pool_max: Option<i32>,
    pool_mode: Option<PoolMode>,
    sessions_per_socket: Option<i32>,
    record: Option<RecordMode>,
    opaque: Option<Opaque>,
    #[serde(default)]
    purpose_id: MaybeUndefined<PurposeId>,
    on_withdrawal: Option<OnWithdrawal>,
    allowed_origins: Option<Vec<String>>,
    #[serde(default)]
    jwks_url: MaybeUndefined<String>,
    #[serde(default)]
    jwks: MaybeUndefined<Value>,
    max_message_bytes: Option<i32>,
    client_events: Option<bool>,
    client_events_per_second: Option<i32>,
    subscription_counts: Option<bool>,
    presence_members: Option<i32>,
    channels_per_session: Option<i32>,
    slow_consumer: Option<SlowConsumer>,
    #[serde(default)]
    max_connections: MaybeUndefined<i32>,
    #[serde(default)]
    max_connections_per_subject: MaybeUndefined<i32>,
    #[serde(default)]
    max_connections_per_address: MaybeUndefined<i32>,
    messages_per_second: Option<i32>,
    bytes_per_second: Option<i32>,
    #[serde(default)]
    authenticate_within_seconds: MaybeUndefined<i32>,
    /// Off: nobody connects, nothing is published.
    enabled: Option<bool>,
}

impl From<EndpointPatchIn> for EndpointPatch {
    fn from(input: EndpointPatchIn) -> Self {
        Self {
            name: input.name,
            upstream_url: input.upstream_url,
            upstream_state: None,
            upstream_headers: None,
            upstream_certificate: None,
            upstream_ca: None,
            subprotocol: input.subprotocol.into(),
            pool_min: input.pool_min,
            pool_max: input.pool_max,
            pool_mode: input.pool_mode,
            sessions_per_socket: input.sessions_per_socket,
            record: input.record,
            opaque: input.opaque,
            purpose_id: input.purpose_id.into(),
            on_withdrawal: input.on_withdrawal,
            allowed_origins: input.allowed_origins,
            jwks_url: input.jwks_url.into(),
            jwks: input.jwks.into(),
            max_message_bytes: input.max_message_bytes,
            limits: LimitsPatch {
                client_events: input.client_events,
                client_events_per_second: input.client_events_per_second,
                subscription_counts: input.subscription_counts,
                presence_members: input.presence_members,
                channels_per_session: input.channels_per_session,
                slow_consumer: input.slow_consumer,
                max_connections: input.max_connections.into(),
                max_connections_per_subject: input.max_connections_per_subject.into(),
                max_connections_per_address: input.max_connections_per_address.into(),
                messages_per_second: input.messages_per_second,
                bytes_per_second: input.bytes_per_second,
                authenticate_within_seconds: input.authenticate_within_seconds.into(),
            },
            enabled: input.enabled,
        }
    }
}

/// A WebSocket that a tenant registered.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Endpoint {
    id: EndpointId,
    slug: String,
    name: String,
    kind: EndpointKind,
    /// The Pusher application id.
    app_id: String,
    /// The Pusher application key; public.
    key: String,
    upstream_url: Option<String>,
    /// Of a relay. `unproven`: nobody connects until the host of `upstream_url` answers its challenge. `proven`: it did. `exempt`: the
    /// operator of this server vouches for it.
    upstream_state: Option<UpstreamState>,
    /// The names of its headers.
    upstream_header_names: Vec<String>,
    /// When the client certificate expires, where there is one.
    upstream_certificate_expires_at: Option<DateTime<Utc>>,
    upstream_ca: Option<String>,
    subprotocol: Option<String>,
    pool_min: i32,
    pool_max: i32,
    pool_mode: PoolMode,
    sessions_per_socket: i32,
    record: RecordMode,
    opaque: Opaque,
    purpose_id: Option<PurposeId>,
    on_withdrawal: OnWithdrawal,
    allowed_origins: Vec<String>,
    jwks_url: Option<String>,
    jwks: Option<Value>,
    max_message_bytes: i32,
    client_events: bool,
    client_events_per_second: i32,
    subscription_counts: bool,
    presence_members: i32,
    channels_per_session: i32,
    slow_consumer: SlowConsumer,
    max_connections: Option<i32>,
    max_connections_per_subject: Option<i32>,
    max_connections_per_address: Option<i32>,
    messages_per_second: i32,
    bytes_per_second: i32,
    authenticate_within_seconds: Option<i32>,
    enabled: bool,
    /// Where end-users connect, with `?token=`.
    connect_url: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

impl Endpoint {
    pub(super) fn new(row: endpoint::Model, connect_url: String) -> Self {
        Self {
            connect_url,
            upstream_header_names: header_names(&row),
            id: row.id,
            slug: row.slug,
            name: row.name,
            kind: row.kind,
            app_id: row.app_id,
            key: row.app_key,
            upstream_url: row.upstream_url,
            upstream_state: (row.kind == EndpointKind::Relay).then_some(row.upstream_state),
            upstream_certificate_expires_at: row.upstream_certificate_expires_at,
            upstream_ca: row.upstream_ca,
            subprotocol: row.subprotocol,
            pool_min: row.pool_min,
            pool_max: row.pool_max,
            pool_mode: row.pool_mode,
            sessions_per_socket: row.sessions_per_socket,
            record: row.record,
            opaque: row.opaque,
            purpose_id: row.purpose_id,
            on_withdrawal: row.on_withdrawal,
            allowed_origins: origins(&row.allowed_origins),
            jwks_url: row.jwks_url,
            jwks: row.jwks,
            max_message_bytes: row.max_message_bytes,
            client_events: row.client_events,
            client_events_per_second: row.client_events_per_second,
            subscription_counts: row.subscription_counts,
            presence_members: row.presence_members,
            channels_per_session: row.channels_per_session,
            slow_consumer: row.slow_consumer,
            max_connections: row.max_connections,
            max_connections_per_subject: row.max_connections_per_subject,
            max_connections_per_address: row.max_connections_per_address,
            messages_per_second: row.messages_per_second,
            bytes_per_second: row.bytes_per_second,
            authenticate_within_seconds: row.authenticate_within_seconds,
            enabled: row.enabled,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

fn origins(stored: &Value) -> Vec<String> {
    let origins = stored.as_array().into_iter().flatten();
    origins
        .filter_map(|origin| origin.as_str().map(str::to_owned))
        .collect()
}

/// An endpoint and its secret, which is shown this once.
#[derive(Clone, Debug, Object)]
pub struct EndpointWithSecret {
    #[oai(flatten)]
    pub(super) endpoint: Endpoint,
    /// Signs connection tokens (HS256) and Pusher requests. Not shown again.
    pub(super) secret: String,
}

/// A new secret, which is shown this once.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RotatedSecret {
    /// Signs connection tokens (HS256) and Pusher requests. Not shown again.
    pub(super) secret: String,
    /// Until then the secret before it is accepted too.
    pub(super) previous_valid_until: Option<DateTime<Utc>>,
}

/// A connection token to be made.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIn {
    /// The person, by your own id.
    pub(super) sub: String,
    /// Seconds that it is good for. Default 3600.
    pub(super) ttl_seconds: Option<i64>,
}

/// A connection token.
#[derive(Clone, Debug, Object)]
pub struct Token {
    pub(super) token: String,
    pub(super) expires_at: DateTime<Utc>,
    /// Ready to connect to.
    pub(super) connect_url: String,
}
