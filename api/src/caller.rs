//! Who is calling. Taking a [`Caller`] as an argument is what makes an operation need a credential.

use domain::{
    authentication,
    error::{Error, Result},
    permissions::Permission,
    tenancy::TenantScope,
};
use poem::{Request, http::Method};
use poem_openapi::{
    SecurityScheme,
    auth::{ApiKey, Bearer},
};

use crate::state::State;

/// The cookie that a browser is signed in with.
pub const SESSION_COOKIE: &str = "weir_session";

/// An API key (`weir_sk_…`) or a session token (`weir_st_…`).
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "bearer", checker = "bearer")]
pub struct BearerCaller(authentication::Caller);

/// A session token in a cookie, for the console.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", rename = "cookie", key_name = "weir_session", key_in = "cookie", checker = "cookie")]
pub struct CookieCaller(authentication::Caller);

/// A caller whose credential was checked.
#[derive(SecurityScheme)]
pub enum Caller {
    /// By header.
    Bearer(BearerCaller),
    /// By cookie.
    Cookie(CookieCaller),
}

impl Caller {
    /// The caller as the domain knows it.
    pub fn inner(&self) -> &authentication::Caller {
        match self {
            Self::Bearer(caller) => &caller.0,
            Self::Cookie(caller) => &caller.0,
        }
    }

    /// The right to work on the tenant's data, if the caller has the permission.
    pub fn may(&self, permission: Permission) -> Result<&TenantScope> {
        self.inner().may(permission)
    }
}

async fn bearer(req: &Request, bearer: Bearer) -> poem::Result<authentication::Caller> {
    check(req, &bearer.token).await
}

async fn cookie(req: &Request, cookie: ApiKey) -> poem::Result<authentication::Caller> {
    if !comes_from_own_page(req) {
        return Err(problem(Error::Unauthenticated));
    }
    check(req, &cookie.key).await
}

async fn check(req: &Request, token: &str) -> poem::Result<authentication::Caller> {
    let state = req.data::<State>().ok_or_else(|| problem(Error::internal(anyhow::anyhow!("no state in the request"))))?;
    authentication::authenticate(&state.ctx, token).await.map_err(problem)
}

/// A domain error as the framework's.
pub fn problem(error: Error) -> poem::Error {
    let error = crate::problem::ApiError::from(error);
    poem::Error::from_response(poem::IntoResponse::into_response(error))
}

/// The credential that a request carries, checked or not.
pub fn credential(req: &Request) -> Option<String> {
    if let Some(bearer) = req.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(bearer.trim().to_owned());
    }
    cookie_named(req, SESSION_COOKIE)
}

/// The value of a cookie.
pub fn cookie_named(req: &Request, name: &str) -> Option<String> {
    let cookies = req.headers().get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}

/// A cookie is sent by the browser whoever asks for it, so a change must come from a page of ours: browsers say so in
/// `Sec-Fetch-Site`, older ones in `Origin`. `SameSite=Strict` already keeps the cookie at home; this is the second lock.
pub fn comes_from_own_page(req: &Request) -> bool {
    if matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    match (req.header("sec-fetch-site"), req.header("origin"), req.header("host")) {
        (Some(site), ..) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, at)| at == host),
        _ => false,
    }
}
