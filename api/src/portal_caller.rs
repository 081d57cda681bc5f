//! Who is calling on the privacy page.

use domain::portal::{self, PortalCaller};
use poem::Request;
use poem_openapi::{
    SecurityScheme,
    auth::{ApiKey, Bearer},
};

use crate::{
    caller::{comes_from_own_page, problem},
    state::State,
};

/// The cookie that a browser is signed in with on a privacy page.
pub const PORTAL_COOKIE: &str = "weir_portal";

/// A session token of a privacy page (`weir_pt_…`).
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "portal_bearer", checker = "bearer")]
pub struct BearerPerson(PortalCaller);

/// The same in a cookie, for the page itself.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", rename = "portal_cookie", key_name = "weir_portal", key_in = "cookie", checker = "cookie")]
pub struct CookiePerson(PortalCaller);

/// Somebody who proved to read the mail of an address.
#[derive(SecurityScheme)]
pub enum Person {
    /// By header.
    Bearer(BearerPerson),
    /// By cookie.
    Cookie(CookiePerson),
}

impl Person {
    /// The person as the domain knows them.
    pub fn inner(&self) -> &PortalCaller {
        match self {
            Self::Bearer(person) => &person.0,
            Self::Cookie(person) => &person.0,
        }
    }
}

async fn bearer(req: &Request, bearer: Bearer) -> poem::Result<PortalCaller> {
    check(req, &bearer.token).await
}

async fn cookie(req: &Request, cookie: ApiKey) -> poem::Result<PortalCaller> {
    if !comes_from_own_page(req) {
        return Err(problem(domain::Error::Unauthenticated));
    }
    check(req, &cookie.key).await
}

async fn check(req: &Request, token: &str) -> poem::Result<PortalCaller> {
    let state = req
        .data::<State>()
        .ok_or_else(|| problem(domain::Error::internal(anyhow::anyhow!("no state in the request"))))?;
    // A session is good on the page it was opened on, and nowhere else.
    let tenant = req.raw_path_param("tenant").unwrap_or_default();
    portal::authenticate(&state.ctx, tenant, token).await.map_err(problem)
}
