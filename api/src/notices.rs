//! Notices and their words over REST.

use chrono::{DateTime, Utc};
use domain::{
    notices,
    notices::{NewNotice, NewVersion, NoticePatch},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    id::{NoticeId, NoticeVersionId, PurposeId},
    notice, notice_version,
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
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

/// A notice to be made. Its words are published after that.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeIn {
    /// 1 to 63 of `a-z`, `0-9` and single hyphens.
    slug: String,
    /// What people call it; the slug if absent.
    name: Option<String>,
    /// The purposes it explains. Consents to other purposes cannot refer to it, unless none are named.
    #[serde(default)]
    #[oai(default)]
    purpose_ids: Vec<PurposeId>,
    /// How long a consent given on it holds at most; ISO 8601, such as `P1Y`.
    consent_validity: Option<String>,
}

impl From<NoticeIn> for NewNotice {
    fn from(input: NoticeIn) -> Self {
        Self {
            name: input.name.unwrap_or_else(|| input.slug.clone()),
            slug: input.slug,
            purpose_ids: input.purpose_ids,
            consent_validity: input.consent_validity,
        }
    }
}

/// Changes to a notice. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticePatchIn {
    name: Option<String>,
    purpose_ids: Option<Vec<PurposeId>>,
    #[serde(default)]
    consent_validity: MaybeUndefined<String>,
}

impl From<NoticePatchIn> for NoticePatch {
    fn from(input: NoticePatchIn) -> Self {
        Self {
            name: input.name,
            purpose_ids: input.purpose_ids,
            consent_validity: input.consent_validity.into(),
        }
    }
}

/// A text that consents refer to.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Notice {
    id: NoticeId,
    slug: String,
    name: String,
    /// The purposes it explains.
    purpose_ids: Vec<PurposeId>,
    /// Its newest words, once there are any.
    latest_version: Option<NoticeVersion>,
    /// How long a consent given on it holds at most; ISO 8601.
    consent_validity: Option<String>,
    created_at: DateTime<Utc>,
    version: i32,
}

impl Notice {
    fn new(row: notice::Model, latest: Option<notice_version::Model>) -> Self {
        Self {
            purpose_ids: notices::purposes_of(&row),
            id: row.id,
            slug: row.slug,
            name: row.name,
            latest_version: latest.map(NoticeVersion::from),
            consent_validity: row.consent_validity,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// Words to be published.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeVersionIn {
    /// BCP 47: `en`, `de-CH`.
    language: String,
    /// As the person reads it.
    text: String,
}

/// Published words of a notice, in one language. They never change.
#[derive(Clone, Debug, Object)]
pub struct NoticeVersion {
    id: NoticeVersionId,
    notice_id: NoticeId,
    /// From 1, over all languages.
    number: i32,
    language: String,
    text: String,
    /// SHA-256 of the text in UTF-8, in hex: consents quote it.
    hash: String,
    published_at: DateTime<Utc>,
}

impl From<notice_version::Model> for NoticeVersion {
    fn from(row: notice_version::Model) -> Self {
        Self {
            id: row.id,
            notice_id: row.notice_id,
            number: row.number,
            language: row.language,
            text: row.text,
            hash: hex::encode(row.hash),
            published_at: row.published_at,
        }
    }
}

/// Notices.
pub struct NoticesApi(pub State);

#[OpenApi(tag = "Tag::Catalogue")]
impl NoticesApi {
    /// List notices.
    #[oai(path = "/notices", method = "get", operation_id = "list_notices")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of a slug or name.
        q: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Notice>>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = notices::list(&tx, &notices::Filter { q: q.0 }, &page).await?;
        let mut latest = notices::latest_of(&tx, &rows.items).await?;
        Ok(Page::from(rows, |row| {
            let words = latest.remove(&row.id);
            Notice::new(row, words)
        }))
    }

    /// Make a notice.
    #[oai(path = "/notices", method = "post", operation_id = "create_notice")]
    async fn create(&self, caller: Caller, body: Body<NoticeIn>) -> Result<Created<Notice>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = notices::create(&tx, &self.0.ctx, body.0.into()).await?;
        tx.save().await?;
        Ok(Created::versioned(row.version, Notice::new(row, None)))
    }

    /// Read a notice.
    #[oai(path = "/notices/:notice_id", method = "get", operation_id = "read_notice")]
    async fn read(&self, caller: Caller, notice_id: Path<NoticeId>) -> Result<Versioned<Notice>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = notices::read(&tx, notice_id.0).await?;
        let words = notices::latest_of(&tx, std::slice::from_ref(&row))
            .await?
            .remove(&row.id);
        Ok(Versioned::new(row.version, Notice::new(row, words)))
    }

    /// Change a notice.
    ///
    /// What was published stays as it is.
    #[oai(
        path = "/notices/:notice_id",
        method = "patch",
        operation_id = "update_notice"
    )]
    async fn update(
        &self,
        caller: Caller,
        notice_id: Path<NoticeId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<NoticePatchIn>,
    ) -> Result<Versioned<Notice>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = notices::update(
            &tx,
            &self.0.ctx,
            notice_id.0,
            expected(if_match.0.as_deref())?,
            body.0.into(),
        )
        .await?;
        let words = notices::latest_of(&tx, std::slice::from_ref(&row))
            .await?
            .remove(&row.id);
        tx.save().await?;
        Ok(Versioned::new(row.version, Notice::new(row, words)))
    }

    /// Delete a notice and its words.
    ///
    /// Not while a consent refers to them.
    #[oai(
        path = "/notices/:notice_id",
        method = "delete",
        operation_id = "delete_notice"
    )]
    async fn delete(
        &self,
        caller: Caller,
        notice_id: Path<NoticeId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        notices::delete(&tx, &self.0.ctx, notice_id.0, expected(if_match.0.as_deref())?).await?;
        tx.save().await?;
        Ok(NoContent::Done)
    }

    /// Publish words of a notice.
    ///
    /// One language at a time, each with the next number. Published words never change.
    #[oai(
        path = "/notices/:notice_id/versions",
        method = "post",
        operation_id = "publish_notice_version"
    )]
    async fn publish(
        &self,
        caller: Caller,
        notice_id: Path<NoticeId>,
        body: Body<NoticeVersionIn>,
    ) -> Result<Created<NoticeVersion>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let new = NewVersion {
            language: body.0.language,
            text: body.0.text,
        };
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = notices::publish(&tx, &self.0.ctx, notice_id.0, new).await?;
        tx.save().await?;
        Ok(Created::fixed(row))
    }

    /// List the words of a notice.
    #[oai(
        path = "/notices/:notice_id/versions",
        method = "get",
        operation_id = "list_notice_versions"
    )]
    async fn list_versions(
        &self,
        caller: Caller,
        notice_id: Path<NoticeId>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<NoticeVersion>>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            notices::list_versions(&tx, notice_id.0, &page).await?,
            NoticeVersion::from,
        ))
    }

    /// Read words of a notice.
    #[oai(
        path = "/notice-versions/:notice_version_id",
        method = "get",
        operation_id = "read_notice_version"
    )]
    async fn read_version(
        &self,
        caller: Caller,
        notice_version_id: Path<NoticeVersionId>,
    ) -> Result<Json<NoticeVersion>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Json(
            notices::read_version(&tx, notice_version_id.0).await?.into(),
        ))
    }
}
