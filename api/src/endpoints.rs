//! Endpoints over REST.

use chrono::{DateTime, Utc};
use domain::{
    connect_tokens, endpoints,
    endpoints::{EndpointPatch, NewEndpoint},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    endpoint::{self, EndpointKind, OnWithdrawal, RecordMode},
    id::{EndpointId, PurposeId},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

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
    /// The WebSocket of your back end (`ws://` or `wss://`), for a relay.
    upstream_url: Option<String>,
    /// Offered to the upstream as `Sec-WebSocket-Protocol`.
    subprotocol: Option<String>,
    /// Warm upstream sockets kept ready. Default 2.
    pool_min: Option<i32>,
    /// Most upstream sockets at a time. Default 100.
    pool_max: Option<i32>,
    /// When messages are recorded, relative to their delivery. Default `before`. Whether they are kept at all is said
    /// by retention rules.
    record: Option<RecordMode>,
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
}

impl From<EndpointIn> for NewEndpoint {
    fn from(input: EndpointIn) -> Self {
        let usual = NewEndpoint::new(input.slug, input.kind);
        Self {
            name: input.name,
            upstream_url: input.upstream_url,
            subprotocol: input.subprotocol,
            pool_min: input.pool_min.unwrap_or(usual.pool_min),
            pool_max: input.pool_max.unwrap_or(usual.pool_max),
            record: input.record.unwrap_or(usual.record),
            purpose_id: input.purpose_id,
            on_withdrawal: input.on_withdrawal.unwrap_or(usual.on_withdrawal),
            allowed_origins: input.allowed_origins.unwrap_or_default(),
            jwks_url: input.jwks_url,
            jwks: input.jwks,
            max_message_bytes: input.max_message_bytes.unwrap_or(usual.max_message_bytes),
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
    #[serde(default)]
    subprotocol: MaybeUndefined<String>,
    pool_min: Option<i32>,
    pool_max: Option<i32>,
    record: Option<RecordMode>,
    #[serde(default)]
    purpose_id: MaybeUndefined<PurposeId>,
    on_withdrawal: Option<OnWithdrawal>,
    allowed_origins: Option<Vec<String>>,
    #[serde(default)]
    jwks_url: MaybeUndefined<String>,
    #[serde(default)]
    jwks: MaybeUndefined<Value>,
    max_message_bytes: Option<i32>,
    /// Off: nobody connects, nothing is published.
    enabled: Option<bool>,
}

impl From<EndpointPatchIn> for EndpointPatch {
    fn from(input: EndpointPatchIn) -> Self {
        Self {
            name: input.name,
            upstream_url: input.upstream_url,
            subprotocol: input.subprotocol.into(),
            pool_min: input.pool_min,
            pool_max: input.pool_max,
            record: input.record,
            purpose_id: input.purpose_id.into(),
            on_withdrawal: input.on_withdrawal,
            allowed_origins: input.allowed_origins,
            jwks_url: input.jwks_url.into(),
            jwks: input.jwks.into(),
            max_message_bytes: input.max_message_bytes,
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
    subprotocol: Option<String>,
    pool_min: i32,
    pool_max: i32,
    record: RecordMode,
    purpose_id: Option<PurposeId>,
    on_withdrawal: OnWithdrawal,
    allowed_origins: Vec<String>,
    jwks_url: Option<String>,
    jwks: Option<Value>,
    max_message_bytes: i32,
    enabled: bool,
    /// Where end-users connect, with `?token=`.
    connect_url: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

/// An endpoint and its secret, which is shown this once.
#[derive(Clone, Debug, Object)]
pub struct EndpointWithSecret {
    #[oai(flatten)]
    endpoint: Endpoint,
    /// Signs connection tokens (HS256) and Pusher requests. Not shown again.
    secret: String,
}

/// A new secret, which is shown this once.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RotatedSecret {
    /// Signs connection tokens (HS256) and Pusher requests. Not shown again.
    secret: String,
    /// Until then the secret before it is accepted too.
    previous_valid_until: Option<DateTime<Utc>>,
}

/// A connection token to be made.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIn {
    /// The person, by your own id.
    sub: String,
    /// Seconds that it is good for. Default 3600.
    ttl_seconds: Option<i64>,
}

/// A connection token.
#[derive(Clone, Debug, Object)]
pub struct Token {
    token: String,
    expires_at: DateTime<Utc>,
    /// Ready to connect to.
    connect_url: String,
}

/// Endpoints.
pub struct EndpointsApi(pub State);

impl EndpointsApi {
    fn connect_url(&self, tenant: &str, slug: &str) -> String {
        let mut url = self.0.ctx.settings.public_url.clone();
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        // Only fails between schemes of different kinds.
        let _ = url.set_scheme(scheme);
        url.set_path(&format!("/connect/{tenant}/{slug}"));
        url.to_string()
    }

    fn out(&self, tenant: &str, row: endpoint::Model) -> Endpoint {
        Endpoint {
            connect_url: self.connect_url(tenant, &row.slug),
            id: row.id,
            slug: row.slug,
            name: row.name,
            kind: row.kind,
            app_id: row.app_id,
            key: row.app_key,
            upstream_url: row.upstream_url,
            subprotocol: row.subprotocol,
            pool_min: row.pool_min,
            pool_max: row.pool_max,
            record: row.record,
            purpose_id: row.purpose_id,
            on_withdrawal: row.on_withdrawal,
            allowed_origins: origins(&row.allowed_origins),
            jwks_url: row.jwks_url,
            jwks: row.jwks,
            max_message_bytes: row.max_message_bytes,
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

#[OpenApi(tag = "Tag::Endpoints")]
impl EndpointsApi {
    /// List endpoints.
    #[oai(path = "/endpoints", method = "get", operation_id = "list_endpoints")]
    async fn list(
        &self,
        caller: Caller,
        kind: Query<Option<EndpointKind>>,
        enabled: Query<Option<bool>>,
        /// Part of a slug or name.
        q: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Endpoint>>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = endpoints::Filter {
            kind: kind.0,
            enabled: enabled.0,
            q: q.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = endpoints::list(&tx, &filter, &page).await?;
        let tenant = domain::tenants::slug(&tx).await?;
        Ok(Page::from(rows, |row| self.out(&tenant, row)))
    }

    /// Register an endpoint.
    ///
    /// The secret is in the answer and is not shown again.
    #[oai(path = "/endpoints", method = "post", operation_id = "create_endpoint")]
    async fn create(
        &self,
        caller: Caller,
        body: Body<EndpointIn>,
    ) -> Result<Created<EndpointWithSecret>, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let new = NewEndpoint::from(body.0);
        self.0
            .relays
            .check_address(new.upstream_url.as_deref(), "/upstream_url")
            .await?;
        self.0
            .relays
            .check_address(new.jwks_url.as_deref(), "/jwks_url")
            .await?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let (row, secret) = endpoints::create(&tx, &self.0.ctx, new).await?;
        let tenant = domain::tenants::slug(&tx).await?;
        tx.save().await?;
        self.0.endpoint_changed(scope, &row).await?;
        let version = row.version;
        Ok(Created::versioned(
            version,
            EndpointWithSecret {
                endpoint: self.out(&tenant, row),
                secret,
            },
        ))
    }

    /// Read an endpoint.
    #[oai(
        path = "/endpoints/:endpoint_id",
        method = "get",
        operation_id = "read_endpoint"
    )]
    async fn read(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
    ) -> Result<Versioned<Endpoint>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = endpoints::read(&tx, endpoint_id.0).await?;
        let tenant = domain::tenants::slug(&tx).await?;
        Ok(Versioned::new(row.version, self.out(&tenant, row)))
    }

    /// Change an endpoint.
    ///
    /// Open sockets keep running; what they may do follows the new settings at once.
    #[oai(
        path = "/endpoints/:endpoint_id",
        method = "patch",
        operation_id = "update_endpoint"
    )]
    async fn update(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<EndpointPatchIn>,
    ) -> Result<Versioned<Endpoint>, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let patch = EndpointPatch::from(body.0);
        self.0
            .relays
            .check_address(patch.upstream_url.as_deref(), "/upstream_url")
            .await?;
        let jwks_url = patch.jwks_url.as_ref().and_then(Option::as_deref);
        self.0.relays.check_address(jwks_url, "/jwks_url").await?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = endpoints::update(
            &tx,
            &self.0.ctx,
            endpoint_id.0,
            expected(if_match.0.as_deref())?,
            patch,
        )
        .await?;
        let tenant = domain::tenants::slug(&tx).await?;
        tx.save().await?;
        self.0.endpoint_changed(scope, &row).await?;
        Ok(Versioned::new(row.version, self.out(&tenant, row)))
    }

    /// Delete an endpoint.
    ///
    /// Its sockets are closed; what it recorded is unreadable at once and removed. Needs its slug as `confirm`.
    #[oai(
        path = "/endpoints/:endpoint_id",
        method = "delete",
        operation_id = "delete_endpoint"
    )]
    async fn delete(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        /// The endpoint's slug.
        confirm: Query<Option<String>>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let confirm = confirm.0.unwrap_or_default();
        endpoints::delete(
            &tx,
            &self.0.ctx,
            endpoint_id.0,
            expected(if_match.0.as_deref())?,
            &confirm,
        )
        .await?;
        tx.save().await?;
        self.0.endpoint_gone(scope, endpoint_id.0).await?;
        Ok(NoContent::Done)
    }

    /// Give an endpoint a new secret.
    ///
    /// The secret before it is accepted for another 24 hours.
    #[oai(
        path = "/endpoints/:endpoint_id/rotate-secret",
        method = "post",
        operation_id = "rotate_endpoint_secret"
    )]
    async fn rotate_secret(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
    ) -> Result<Json<RotatedSecret>, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let (row, secret) = endpoints::rotate_secret(&tx, &self.0.ctx, endpoint_id.0).await?;
        tx.save().await?;
        self.0.endpoint_changed(scope, &row).await?;
        Ok(Json(RotatedSecret {
            secret,
            previous_valid_until: row.previous_secret_until,
        }))
    }

    /// Make a connection token for a person.
    ///
    /// For development and for back ends that render pages; usually your back end signs its own with the secret.
    #[oai(
        path = "/endpoints/:endpoint_id/tokens",
        method = "post",
        operation_id = "create_connection_token"
    )]
    async fn create_token(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        body: Body<TokenIn>,
    ) -> Result<Created<Token>, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = endpoints::read(&tx, endpoint_id.0).await?;
        let tenant = domain::tenants::slug(&tx).await?;
        drop(tx);
        let ttl = chrono::TimeDelta::try_seconds(body.0.ttl_seconds.unwrap_or(3600))
            .unwrap_or(chrono::TimeDelta::MAX);
        let (token, expires_at) = connect_tokens::mint(&self.0.ctx, &row, &body.0.sub, ttl).await?;
        let connect_url = format!("{}?token={token}", self.connect_url(&tenant, &row.slug));
        Ok(Created::fixed(Token {
            token,
            expires_at,
            connect_url,
        }))
    }
}
