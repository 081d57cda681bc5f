//! Endpoints over REST.

mod access;
mod bodies;

use domain::{connect_tokens, endpoints, page::PageIn, permissions::Permission};
use entity::{
    endpoint::{self, EndpointKind},
    id::EndpointId,
};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use self::bodies::{
    Endpoint, EndpointIn, EndpointPatchIn, EndpointWithSecret, RotatedSecret, Token, TokenIn,
};
use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

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
        let connect_url = self.connect_url(tenant, &row.slug);
        Endpoint::new(row, connect_url)
    }
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
        let mut new = body.0.into_new(self.0.ctx.now())?;
        new.upstream_state = self
            .0
            .relays
            .check_upstream(new.upstream_url.as_deref(), "/upstream_url")
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
        let mut patch = body.0.into_patch(self.0.ctx.now())?;
        let state = self
            .0
            .relays
            .check_upstream(patch.upstream_url.as_deref(), "/upstream_url")
            .await?;
        patch.upstream_state = Some(state);
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
