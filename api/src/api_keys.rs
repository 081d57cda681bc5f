//! API keys over REST.

use chrono::{DateTime, Utc};
use domain::{
    api_keys::{self, NewApiKey},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    api_key,
    id::{ApiKeyId, MemberId},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// A key to be made.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyIn {
    /// To recognise it by.
    name: String,
    /// Permissions such as `messages:write`; no more than your own, which `GET /me` tells.
    scopes: Vec<String>,
    /// When it ends by itself; never if absent.
    expires_at: Option<DateTime<Utc>>,
}

/// Changes to a key. What is absent stays.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyPatchIn {
    name: Option<String>,
}

/// A credential of a program.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ApiKey {
    id: ApiKeyId,
    name: String,
    /// Its first characters, to recognise it by.
    prefix: String,
    /// What it may do.
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
    /// The member who made it; absent if a program or the operator did.
    created_by: Option<MemberId>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    version: i32,
}

impl From<api_key::Model> for ApiKey {
    fn from(row: api_key::Model) -> Self {
        Self {
            scopes: api_keys::permissions(&row)
                .into_iter()
                .map(|permission| permission.as_str().to_owned())
                .collect(),
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            created_at: row.created_at,
            created_by: row.created_by,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            version: row.version,
        }
    }
}

/// A key that was just made, with the key itself, which is shown this once.
#[derive(Object)]
pub(crate) struct ApiKeyWithToken {
    #[oai(flatten)]
    key: ApiKey,
    /// Send it as `Authorization: Bearer`. Not shown again.
    token: String,
}

/// API keys.
pub(crate) struct ApiKeysApi(pub(crate) State);

#[OpenApi(tag = "Tag::Tenant")]
impl ApiKeysApi {
    /// List API keys.
    ///
    /// Revoked ones too, so that what they did can be told.
    #[oai(path = "/api-keys", method = "get", operation_id = "list_api_keys")]
    async fn list(
        &self,
        caller: Caller,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ApiKey>>, ApiError> {
        let scope = caller.may(Permission::KeysWrite)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = api_keys::list(&tx, &page).await?;
        Ok(Page::from(rows, ApiKey::from))
    }

    /// Make an API key.
    ///
    /// The key is in the answer and is not shown again.
    #[oai(path = "/api-keys", method = "post", operation_id = "create_api_key")]
    async fn create(
        &self,
        caller: Caller,
        body: Body<ApiKeyIn>,
    ) -> Result<Created<ApiKeyWithToken>, ApiError> {
        let scope = caller.may(Permission::KeysWrite)?;
        let new = NewApiKey {
            name: body.0.name,
            scopes: api_keys::parse_scopes(&body.0.scopes)?,
            expires_at: body.0.expires_at,
        };
        let tx = self.0.ctx.store.begin(scope).await?;
        let created = api_keys::create(&tx, &self.0.ctx, caller.inner(), new).await?;
        tx.save().await?;
        let version = created.key.version;
        let answer = ApiKeyWithToken {
            key: created.key.into(),
            token: created.token.into_inner(),
        };
        Ok(Created::versioned(version, answer))
    }

    /// Read an API key.
    #[oai(path = "/api-keys/:api_key_id", method = "get", operation_id = "read_api_key")]
    async fn read(&self, caller: Caller, api_key_id: Path<ApiKeyId>) -> Result<Versioned<ApiKey>, ApiError> {
        let scope = caller.may(Permission::KeysWrite)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = api_keys::read(&tx, api_key_id.0).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Give an API key another name.
    #[oai(
        path = "/api-keys/:api_key_id",
        method = "patch",
        operation_id = "update_api_key"
    )]
    async fn update(
        &self,
        caller: Caller,
        api_key_id: Path<ApiKeyId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<ApiKeyPatchIn>,
    ) -> Result<Versioned<ApiKey>, ApiError> {
        let scope = caller.may(Permission::KeysWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = api_keys::update(&tx, &self.0.ctx, api_key_id.0, expected, body.0.name).await?;
        tx.save().await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Revoke an API key.
    ///
    /// It stops working at once and for good.
    #[oai(
        path = "/api-keys/:api_key_id",
        method = "delete",
        operation_id = "revoke_api_key"
    )]
    async fn revoke(
        &self,
        caller: Caller,
        api_key_id: Path<ApiKeyId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::KeysWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        api_keys::revoke(&tx, &self.0.ctx, api_key_id.0, expected).await?;
        tx.save().await?;
        Ok(NoContent::Done)
    }
}
