//! The console and the privacy page, from the binary.

use std::borrow::Cow;

use poem::{
    Body, Endpoint, Request, Response, Result,
    http::{HeaderValue, Method, StatusCode, header},
};
use rust_embed::RustEmbed;

/// What `npm run build` made of `web-client/`.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../web-client/dist"]
struct Files;

/// Everything a page of ours may do. Styles, scripts and data come from here and nowhere else; nobody frames it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A single-page application: files as they are, any other path its index.
pub struct Application(pub &'static str);

impl Endpoint for Application {
    type Output = Response;

    async fn call(&self, req: Request) -> Result<Response> {
        if !matches!(*req.method(), Method::GET | Method::HEAD) {
            return Err(StatusCode::METHOD_NOT_ALLOWED.into());
        }
        let index = format!("{}/index.html", self.0);
        match file(&req, &index, "no-cache") {
            Some(response) => Ok(response),
            None => Ok(not_built()),
        }
    }
}

/// Files whose names carry their hash: they never change.
pub struct Assets;

impl Endpoint for Assets {
    type Output = Response;

    async fn call(&self, req: Request) -> Result<Response> {
        if !matches!(*req.method(), Method::GET | Method::HEAD) {
            return Err(StatusCode::METHOD_NOT_ALLOWED.into());
        }
        let path = format!("assets/{}", req.uri().path().trim_start_matches('/'));
        file(&req, &path, "public, max-age=31536000, immutable").ok_or_else(|| StatusCode::NOT_FOUND.into())
    }
}

fn file(req: &Request, path: &str, cache: &'static str) -> Option<Response> {
    let file = Files::get(path)?;
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..8]));
    if req.header(header::IF_NONE_MATCH).is_some_and(|seen| seen == tag) {
        return Some(StatusCode::NOT_MODIFIED.into());
    }
    let body = match file.data {
        Cow::Borrowed(bytes) => Body::from_bytes(bytes.into()),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut response = Response::builder()
        .content_type(file.metadata.mimetype())
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, cache)
        .body(body);
    secure(&mut response);
    Some(response)
}

/// Puts the headers on a page that keep it from being used against its reader.
pub fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        "permissions-policy",
        HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
    );
}

/// The binary was built without the pages; the API works all the same.
fn not_built() -> Response {
    let text = "The pages are not in this build. Run `make build`, which builds web-client/ first.\n";
    Response::builder()
        .status(StatusCode::NOT_FOUND)
        .content_type("text/plain; charset=utf-8")
        .body(text)
}
