//! The data catalogue over REST.

use chrono::{DateTime, Utc};
use domain::{
    Error, data_types,
    data_types::{DataTypePatch, MinimiseParts, NewDataType},
    page::PageIn,
    permissions::Permission,
    pictures,
};
use entity::{data_type, id::DataTypeId};
use poem_openapi::{
    Enum, Object, OpenApi,
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

/// How a value is made to say less.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Stays as it is.
    None,
    /// Leaves its object or list.
    Remove,
    /// Becomes `null`.
    Null,
    /// Becomes the text in `with`.
    Replace,
    /// Becomes asterisks but for the last `keep` characters, at most half of them.
    Mask,
    /// Becomes its first `keep` characters or digits; an IP address becomes its network (/24, /48).
    Truncate,
    /// A place becomes a coarser one: coordinates keep `keep` decimal places (default 1: 11 km). What is none becomes `null`.
    TruncateGeo,
    /// A time (RFC 3339, a date, seconds or milliseconds since 1970) becomes the beginning of its `to`. What is none
    /// becomes `null`.
    TruncateTime,
    /// A number becomes the beginning of its step: with a `step` of 10, 37 is 30. What is none becomes `null`.
    Generalise,
    /// Becomes a keyed hash: equal values stay equal within the tenant.
    Hash,
}

/// What a time is cut down to.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Its year.
    Year,
    /// Its month.
    Month,
    /// Its day.
    Day,
    /// Its hour.
    Hour,
    /// Its minute.
    Minute,
}

/// What happens to what is found. Lists and objects are gone through, for all strategies from `mask` on.
#[derive(Clone, Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
#[serde(deny_unknown_fields)]
pub struct Minimise {
    strategy: Strategy,
    /// For `mask` (default 0), `truncate` and `truncate_geo` (default 1).
    keep: Option<u32>,
    /// For `replace`.
    with: Option<String>,
    /// For `truncate_time`.
    to: Option<TimeUnit>,
    /// For `generalise`.
    step: Option<u32>,
}

impl From<Minimise> for MinimiseParts {
    fn from(input: Minimise) -> Self {
        let strategy = match input.strategy {
            Strategy::None => "none",
            Strategy::Remove => "remove",
            Strategy::Null => "null",
            Strategy::Replace => "replace",
            Strategy::Mask => "mask",
            Strategy::Truncate => "truncate",
            Strategy::TruncateGeo => "truncate_geo",
            Strategy::TruncateTime => "truncate_time",
            Strategy::Generalise => "generalise",
            Strategy::Hash => "hash",
        };
        Self {
            strategy: strategy.to_owned(),
            keep: input.keep,
            with: input.with,
            to: input
                .to
                .map(|unit| domain::minimise::TimeUnit::from(unit).name().to_owned()),
            step: input.step,
        }
    }
}

/// A data type to be added to the catalogue.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataTypeIn {
    /// 1 to 63 of `a-z`, `0-9` and single hyphens; messages are marked with it.
    slug: String,
    /// What people call it; the slug if absent.
    name: Option<String>,
    description: Option<String>,
    /// Personal data (GDPR Art. 4(1)). Default true.
    personal: Option<bool>,
    /// Special category (GDPR Art. 9(1)), such as `health` or `religion`.
    special_category: Option<String>,
    /// Where it stands in messages: JSONPath (RFC 9535), such as `$.user.email` or `$..email`.
    #[serde(default)]
    #[oai(default)]
    paths: Vec<String>,
    /// What happens to it before a message is recorded or delivered. Default: nothing.
    minimise: Option<Minimise>,
    /// What is left of it when its message expires under a rule that anonymises: anything but `none` and `hash` where it is
    /// personal. Default: `remove` where it is personal, otherwise `none`.
    at_expiry: Option<Minimise>,
}

impl From<DataTypeIn> for NewDataType {
    fn from(input: DataTypeIn) -> Self {
        Self {
            name: input.name.unwrap_or_else(|| input.slug.clone()),
            slug: input.slug,
            description: input.description,
            personal: input.personal.unwrap_or(true),
            special_category: input.special_category,
            paths: input.paths,
            minimise: input.minimise.map_or_else(MinimiseParts::none, Into::into),
            at_expiry: input.at_expiry.map(Into::into),
        }
    }
}

/// Changes to a data type. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataTypePatchIn {
    name: Option<String>,
    #[serde(default)]
    description: MaybeUndefined<String>,
    personal: Option<bool>,
    #[serde(default)]
    special_category: MaybeUndefined<String>,
    paths: Option<Vec<String>>,
    minimise: Option<Minimise>,
    #[serde(default)]
    at_expiry: MaybeUndefined<Minimise>,
}

impl From<DataTypePatchIn> for DataTypePatch {
    fn from(input: DataTypePatchIn) -> Self {
        Self {
            name: input.name,
            description: input.description.into(),
            personal: input.personal,
            special_category: input.special_category.into(),
            paths: input.paths,
            minimise: input.minimise.map(Into::into),
            at_expiry: Option::<Option<Minimise>>::from(input.at_expiry).map(|parts| parts.map(Into::into)),
        }
    }
}

/// A kind of data that messages carry.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DataType {
    id: DataTypeId,
    slug: String,
    name: String,
    description: Option<String>,
    personal: bool,
    special_category: Option<String>,
    paths: Vec<String>,
    minimise: Minimise,
    /// What is left of it when its message expires under a rule that anonymises.
    at_expiry: Option<Minimise>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i32,
}

impl TryFrom<data_type::Model> for DataType {
    type Error = Error;

    fn try_from(row: data_type::Model) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            description: row.description,
            personal: row.personal,
            special_category: row.special_category,
            paths: serde_json::from_value(row.paths)?,
            minimise: serde_json::from_value(row.minimise)?,
            at_expiry: row.at_expiry.map(serde_json::from_value).transpose()?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }
}

impl From<TimeUnit> for domain::minimise::TimeUnit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Year => Self::Year,
            TimeUnit::Month => Self::Month,
            TimeUnit::Day => Self::Day,
            TimeUnit::Hour => Self::Hour,
            TimeUnit::Minute => Self::Minute,
        }
    }
}

/// An end of a message's life.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// On the way in.
    Ingest,
    /// When its rule ends it.
    Expiry,
}

/// A sample to try the catalogue on.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewIn {
    /// Any JSON, like one of your messages.
    data: Value,
    /// Try these instead of the catalogue. They are not stored.
    data_types: Option<Vec<DataTypeIn>>,
    /// `ingest`: what would be recorded and delivered. `expiry`: what of that would be left at the end of a rule that
    /// anonymises. Default `ingest`.
    end: Option<End>,
}

/// A sample after minimisation.
#[derive(Clone, Debug, Object)]
pub struct Preview {
    /// What would be recorded and delivered, or left.
    data: Value,
    /// What was found, and where.
    found: Vec<Found>,
}

/// A place where a data type was found.
#[derive(Clone, Debug, Object)]
pub struct Found {
    /// Its slug.
    data_type: String,
    /// A normalised path (RFC 9535 §2.7), such as `$['user']['email']`.
    path: String,
}

/// The data catalogue.
pub struct DataTypesApi(pub State);

#[OpenApi(tag = "Tag::Catalogue")]
impl DataTypesApi {
    /// List data types.
    #[oai(path = "/data-types", method = "get", operation_id = "list_data_types")]
    async fn list(
        &self,
        caller: Caller,
        personal: Query<Option<bool>>,
        /// Part of a slug or name.
        q: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<DataType>>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = data_types::Filter {
            personal: personal.0,
            q: q.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = data_types::list(&tx, &filter, &page).await?;
        let items = rows
            .items
            .into_iter()
            .map(DataType::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Json(Page {
            items,
            next_cursor: rows.next_cursor,
        }))
    }

    /// Add a data type to the catalogue.
    #[oai(path = "/data-types", method = "post", operation_id = "create_data_type")]
    async fn create(&self, caller: Caller, body: Body<DataTypeIn>) -> Result<Created<DataType>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = data_types::create(&tx, &self.0.ctx, body.0.into()).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(Created::versioned(row.version, DataType::try_from(row)?))
    }

    /// Try the catalogue on a sample.
    ///
    /// Nothing is stored.
    #[oai(
        path = "/data-types/preview",
        method = "post",
        operation_id = "preview_data_types"
    )]
    async fn preview(&self, caller: Caller, body: Body<PreviewIn>) -> Result<Json<Preview>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let drafts = body
            .0
            .data_types
            .map(|drafts| drafts.into_iter().map(Into::into).collect());
        let tx = self.0.ctx.store.read(scope).await?;
        let end = match body.0.end {
            None | Some(End::Ingest) => data_types::End::Ingest,
            Some(End::Expiry) => data_types::End::Expiry,
        };
        let preview = data_types::preview(&tx, &self.0.ctx, body.0.data, drafts, end).await?;
        let found = preview
            .found
            .into_iter()
            .map(|(data_type, path)| Found { data_type, path });
        Ok(Json(Preview {
            data: preview.data,
            found: found.collect(),
        }))
    }

    /// Read a data type.
    #[oai(
        path = "/data-types/:data_type_id",
        method = "get",
        operation_id = "read_data_type"
    )]
    async fn read(
        &self,
        caller: Caller,
        data_type_id: Path<DataTypeId>,
    ) -> Result<Versioned<DataType>, ApiError> {
        let scope = caller.may(Permission::CatalogueRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = data_types::read(&tx, data_type_id.0).await?;
        Ok(Versioned::new(row.version, DataType::try_from(row)?))
    }

    /// Change a data type.
    ///
    /// Acts on messages from now on; stored ones stay as they are.
    #[oai(
        path = "/data-types/:data_type_id",
        method = "patch",
        operation_id = "update_data_type"
    )]
    async fn update(
        &self,
        caller: Caller,
        data_type_id: Path<DataTypeId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<DataTypePatchIn>,
    ) -> Result<Versioned<DataType>, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let expected = expected(if_match.0.as_deref())?;
        let row = data_types::update(&tx, &self.0.ctx, data_type_id.0, expected, body.0.into()).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(Versioned::new(row.version, DataType::try_from(row)?))
    }

    /// Take a data type out of the catalogue.
    ///
    /// Not while a retention rule or a stored message refers to it.
    #[oai(
        path = "/data-types/:data_type_id",
        method = "delete",
        operation_id = "delete_data_type"
    )]
    async fn delete(
        &self,
        caller: Caller,
        data_type_id: Path<DataTypeId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::CatalogueWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        data_types::delete(&tx, &self.0.ctx, data_type_id.0, expected(if_match.0.as_deref())?).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(NoContent::Done)
    }
}
