//! Purposes over REST.

use chrono::{DateTime, Utc};
use domain::{
    page::PageIn,
    permissions::Permission,
    pictures, purposes,
    purposes::{NewPurpose, PurposePatch},
    rights,
};
use entity::{
    id::PurposeId,
    purpose::{self, LawfulBasis, SpecialBasis},
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

/// A purpose to be declared.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeIn {
    /// 1 to 63 of `a-z`, `0-9` and single hyphens; consents name it.
    slug: String,
    /// What people call it; the slug if absent.
    name: Option<String>,
    /// Shown to the people whose data it is.
    description: Option<String>,
    /// What makes it lawful (GDPR Art. 6(1)).
    lawful_basis: LawfulBasis,
    /// Whether nothing passes before the person consented. Default: when the basis is consent.
    requires_consent: Option<bool>,
    /// How long a consent holds; ISO 8601, such as `P1Y`. Default: until it is withdrawn.
    consent_validity: Option<String>,
    /// Why the interests of the persons do not override. Needed for legitimate interests.
    balancing_note: Option<String>,
    /// What makes it lawful where special categories of data are concerned (GDPR Art. 9(2)).
    special_basis: Option<SpecialBasis>,
    /// Whether `Sec-GPC: 1` is an objection to it. Default no.
    honours_gpc: Option<bool>,
}

impl From<PurposeIn> for NewPurpose {
    fn from(input: PurposeIn) -> Self {
        Self {
            name: input.name.unwrap_or_else(|| input.slug.clone()),
            slug: input.slug,
            description: input.description,
            lawful_basis: input.lawful_basis,
            requires_consent: input.requires_consent,
            consent_validity: input.consent_validity,
            balancing_note: input.balancing_note,
            special_basis: input.special_basis,
            honours_gpc: input.honours_gpc.unwrap_or(false),
        }
    }
}

/// Changes to a purpose. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposePatchIn {
    name: Option<String>,
    #[serde(default)]
    description: MaybeUndefined<String>,
    lawful_basis: Option<LawfulBasis>,
    requires_consent: Option<bool>,
    #[serde(default)]
    consent_validity: MaybeUndefined<String>,
    #[serde(default)]
    balancing_note: MaybeUndefined<String>,
    #[serde(default)]
    special_basis: MaybeUndefined<SpecialBasis>,
    honours_gpc: Option<bool>,
}

impl From<PurposePatchIn> for PurposePatch {
    fn from(input: PurposePatchIn) -> Self {
        Self {
            name: input.name,
            description: input.description.into(),
            lawful_basis: input.lawful_basis,
            requires_consent: input.requires_consent,
            consent_validity: input.consent_validity.into(),
            balancing_note: input.balancing_note.into(),
            special_basis: input.special_basis.into(),
            honours_gpc: input.honours_gpc,
        }
    }
}

/// A right that persons have.
#[derive(Clone, Debug, Object)]
pub struct RightOut {
    /// The article of the GDPR: `A17`, `A7-3`.
    article: String,
    /// What people call it.
    name: String,
}

/// The rights that follow from a basis (DPV's mapping).
pub(crate) fn rights_of(basis: LawfulBasis) -> Vec<RightOut> {
    rights::of(basis)
        .iter()
        .map(|right| RightOut {
            article: right.article.to_owned(),
            name: right.name.to_owned(),
        })
        .collect()
}

/// Why data is processed.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Purpose {
    id: PurposeId,
    slug: String,
    name: String,
    description: Option<String>,
    lawful_basis: LawfulBasis,
    /// Whether nothing passes before the person consented.
    requires_consent: bool,
    /// How long a consent holds; ISO 8601. Absent: until it is withdrawn.
    consent_validity: Option<String>,
    balancing_note: Option<String>,
    special_basis: Option<SpecialBasis>,
    /// Whether `Sec-GPC: 1` is an objection to it.
    honours_gpc: bool,
    /// What persons may demand, as it follows from the basis.
    rights: Vec<RightOut>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

impl From<purpose::Model> for Purpose {
    fn from(row: purpose::Model) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            description: row.description,
            lawful_basis: row.lawful_basis,
            requires_consent: row.requires_consent,
            rights: rights_of(row.lawful_basis),
            consent_validity: row.consent_validity,
            balancing_note: row.balancing_note,
            special_basis: row.special_basis,
            honours_gpc: row.honours_gpc,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// Purposes.
pub struct PurposesApi(pub State);

#[OpenApi(tag = "Tag::Catalogue")]
impl PurposesApi {
    /// List purposes.
    #[oai(path = "/purposes", method = "get", operation_id = "list_purposes")]
    async fn list(
        &self,
        caller: Caller,
        lawful_basis: Query<Option<LawfulBasis>>,
        /// Part of a slug or name.
        q: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Purpose>>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = purposes::Filter {
            lawful_basis: lawful_basis.0,
            q: q.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            purposes::list(&tx, &filter, &page).await?,
            Purpose::from,
        ))
    }

    /// Declare a purpose.
    #[oai(path = "/purposes", method = "post", operation_id = "create_purpose")]
    async fn create(&self, caller: Caller, body: Body<PurposeIn>) -> Result<Created<Purpose>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = purposes::create(&tx, &self.0.ctx, body.0.into()).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(Created::versioned(row.version, row))
    }

    /// Read a purpose.
    #[oai(path = "/purposes/:purpose_id", method = "get", operation_id = "read_purpose")]
    async fn read(
        &self,
        caller: Caller,
        purpose_id: Path<PurposeId>,
    ) -> Result<Versioned<Purpose>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = purposes::read(&tx, purpose_id.0).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Change a purpose.
    ///
    /// What may pass goes by the change at once.
    #[oai(
        path = "/purposes/:purpose_id",
        method = "patch",
        operation_id = "update_purpose"
    )]
    async fn update(
        &self,
        caller: Caller,
        purpose_id: Path<PurposeId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<PurposePatchIn>,
    ) -> Result<Versioned<Purpose>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = purposes::update(
            &tx,
            &self.0.ctx,
            purpose_id.0,
            expected(if_match.0.as_deref())?,
            body.0.into(),
        )
        .await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Delete a purpose.
    ///
    /// Not while an endpoint, a rule, a notice, a consent or a stored message refers to it.
    #[oai(
        path = "/purposes/:purpose_id",
        method = "delete",
        operation_id = "delete_purpose"
    )]
    async fn delete(
        &self,
        caller: Caller,
        purpose_id: Path<PurposeId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        purposes::delete(&tx, &self.0.ctx, purpose_id.0, expected(if_match.0.as_deref())?).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(NoContent::Done)
    }
}
