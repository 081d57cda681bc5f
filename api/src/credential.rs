//! Credentials as requests carry them: `Authorization: Bearer`, or a cookie that a page of ours set. Written by hand, since
//! poem-openapi tries alternatives one after the other and then tells only why the last one failed.

use domain::Error;
use poem::{Request, http::Method};
use poem_openapi::registry::{MetaSecurityScheme, Registry};

use crate::{problem::ApiError, state::State};

/// Where a kind of credential is found.
pub struct Carrier {
    /// The scheme's names in the description.
    pub schemes: [&'static str; 2],
    /// The cookie.
    pub cookie: &'static str,
    /// What is in it.
    pub what: &'static str,
}

impl Carrier {
    /// Describes both ways.
    pub fn register(&self, registry: &mut Registry) {
        let scheme = |ty, name, key_in, scheme| MetaSecurityScheme {
            ty,
            description: Some(self.what),
            name,
            key_in,
            scheme,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        let [bearer, cookie] = self.schemes;
        registry.create_security_scheme(bearer, scheme("http", None, None, Some("bearer")));
        registry.create_security_scheme(cookie, scheme("apiKey", Some(self.cookie), Some("cookie"), None));
    }

    /// The credential that a request carries, not yet checked. The header beats the cookie.
    pub fn find(&self, req: &Request) -> Option<String> {
        let header = req
            .header("authorization")
            .and_then(|value| value.split_once(' '));
        if let Some((_, token)) = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
            return Some(token.trim().to_owned());
        }
        cookie(req, self.cookie).filter(|_| comes_from_own_page(req))
    }

    /// The credential and what it is checked with.
    pub fn demand<'a>(&self, req: &'a Request) -> poem::Result<(&'a State, String)> {
        let state = req
            .data::<State>()
            .ok_or_else(|| refuse(Error::internal(anyhow::anyhow!("no state in the request"))))?;
        let token = self.find(req).ok_or_else(|| refuse(Error::Unauthenticated))?;
        Ok((state, token))
    }
}

/// A domain error as the framework's.
pub fn refuse(error: Error) -> poem::Error {
    poem::Error::from_response(poem::IntoResponse::into_response(ApiError::from(error)))
}

fn cookie(req: &Request, name: &str) -> Option<String> {
    let cookies = req
        .headers()
        .get_all("cookie")
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}

/// A cookie is sent by the browser whoever asks for it, so a change must come from a page of ours: browsers say so in
/// `Sec-Fetch-Site`, older ones in `Origin`. `SameSite=Strict` already keeps the cookie at home; this is the second lock.
fn comes_from_own_page(req: &Request) -> bool {
    if matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    match (
        req.header("sec-fetch-site"),
        req.header("origin"),
        req.header("host"),
    ) {
        (Some(site), ..) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, at)| at == host),
        _ => false,
    }
}
