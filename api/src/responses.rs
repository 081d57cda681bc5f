//! The few shapes that answers come in.

use poem_openapi::{
    ApiResponse, Object,
    payload::Json,
    types::{ParseFromJSON, ToJSON, Type},
};

/// Part of a list, newest first unless said otherwise.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Page<T: Type + ParseFromJSON + ToJSON + Send + Sync> {
    /// The items.
    pub items: Vec<T>,
    /// Ask with this as `cursor` for what follows; absent on the last page.
    pub next_cursor: Option<String>,
}

impl<T: Type + ParseFromJSON + ToJSON + Send + Sync> Page<T> {
    /// A page of the domain's rows as a page of answers.
    pub fn from<R>(page: domain::page::Page<R>, out: impl FnMut(R) -> T) -> Json<Self> {
        let page = page.map(out);
        Json(Self {
            items: page.items,
            next_cursor: page.next_cursor,
        })
    }
}

/// One resource and its version.
#[derive(Debug, ApiResponse)]
pub enum Versioned<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// The resource as it is now.
    #[oai(status = 200)]
    Ok(
        Json<T>,
        /// Send it back as `If-Match` to change just this version.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ParseFromJSON + ToJSON + Send + Sync> Versioned<T> {
    /// The resource in a version.
    pub fn new(version: i32, resource: impl Into<T>) -> Self {
        Self::Ok(Json(resource.into()), etag(version))
    }
}

/// A resource that was just made.
#[derive(Debug, ApiResponse)]
pub enum Created<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// It was made.
    #[oai(status = 201)]
    Created(
        Json<T>,
        /// Send it back as `If-Match` to change just this version.
        #[oai(header = "ETag")]
        Option<String>,
    ),
}

impl<T: ParseFromJSON + ToJSON + Send + Sync> Created<T> {
    /// A resource that has versions.
    pub fn versioned(version: i32, resource: impl Into<T>) -> Self {
        Self::Created(Json(resource.into()), Some(etag(version)))
    }

    /// A resource that never changes.
    pub fn fixed(resource: impl Into<T>) -> Self {
        Self::Created(Json(resource.into()), None)
    }
}

/// Nothing to say.
#[derive(Debug, ApiResponse)]
pub enum NoContent {
    /// It is done.
    #[oai(status = 204)]
    Done,
}

/// It will be done.
#[derive(Debug, ApiResponse)]
pub enum Accepted {
    /// It will be done.
    #[oai(status = 202)]
    Accepted,
}

/// How a version is written in `ETag`.
pub(crate) fn etag(version: i32) -> String {
    format!("\"v{version}\"")
}
