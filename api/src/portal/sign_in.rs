//! Signing in on the privacy page: a code or a link by mail, then a session. What a stranger may try is counted.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    error::{Error, Result as DomainResult},
    letters,
    portal::{self, SignedIn},
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    gpc,
    limits::client_address,
    portal_caller::{PORTAL_COOKIE, Person},
    problem::ApiError,
    responses::Accepted,
    state::State,
    tags::Tag,
};

/// Where to send a code.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeIn {
    email: String,
}

/// A code that came by mail.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalSessionIn {
    email: String,
    /// Six digits.
    code: String,
}

/// A link that came by mail.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalLinkIn {
    /// What is behind `#token=` in the link.
    token: String,
}

/// A session on the privacy page.
#[derive(Object)]
pub struct PortalSession {
    /// Send it as `Authorization: Bearer`. Not shown again.
    token: String,
    expires_at: DateTime<Utc>,
}

/// A session on the privacy page, by cookie too.
#[derive(ApiResponse)]
pub enum PortalSessionResponse {
    /// You are signed in.
    #[oai(status = 201)]
    Created(
        Json<PortalSession>,
        /// The session as a cookie, for browsers.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// The session is over, in the browser too.
#[derive(ApiResponse)]
pub enum PortalSignedOut {
    /// You are signed out.
    #[oai(status = 204)]
    Done(
        /// Removes the session's cookie.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// Codes that one client may order: 20 at once, then one every three minutes.
const CODES: (u32, Duration) = (20, Duration::from_mins(3));
/// Codes and links that one client may try: 50 at once, then one every half minute.
const TRIES: (u32, Duration) = (50, Duration::from_secs(30));

/// Signing in on the privacy page.
pub struct PortalSignInApi {
    state: State,
    codes: DefaultKeyedRateLimiter<IpAddr>,
    tries: DefaultKeyedRateLimiter<IpAddr>,
}

impl PortalSignInApi {
    pub fn new(state: State) -> Self {
        Self {
            state,
            codes: limiter(CODES),
            tries: limiter(TRIES),
        }
    }

    fn cookie(&self, slug: &str, token: &str, seconds: i64) -> String {
        let secure = match self.state.ctx.settings.public_url.scheme() {
            "https" => "; Secure",
            _ => "",
        };
        // The path keeps sessions on the pages of several tenants apart.
        format!(
            "{PORTAL_COOKIE}={token}; Path=/api/v1/portal/{slug}; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        )
    }

    /// The session as it is handed out, once it is known whether the browser says no to processing.
    async fn opened(
        &self,
        req: &poem::Request,
        slug: &str,
        signed_in: SignedIn,
    ) -> Result<PortalSessionResponse, ApiError> {
        if gpc::asserted(req) {
            // Somebody who proved who they are, with a browser that says no.
            let person = portal::authenticate(&self.state.ctx, slug, signed_in.token.expose()).await?;
            for subject in &person.subjects {
                let place = Some("privacy page".to_owned());
                self.state
                    .gpc_signal(&self.state, &person.scope, *subject, place)
                    .await?;
            }
        }
        // What waited for a proof of identity goes on.
        self.state.nudge.notify_one();
        let seconds = portal::SESSION_LIFE.num_seconds();
        let cookie = self.cookie(slug, signed_in.token.expose(), seconds);
        let session = PortalSession {
            token: signed_in.token.into_inner(),
            expires_at: signed_in.expires_at,
        };
        Ok(PortalSessionResponse::Created(Json(session), cookie))
    }
}

fn limiter((burst, every): (u32, Duration)) -> DefaultKeyedRateLimiter<IpAddr> {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(every).unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
    RateLimiter::keyed(quota.allow_burst(burst))
}

/// Counts a client's attempt. It is the client that is counted, never the address it asks for: how often that was asked
/// for must not show.
fn count(limiter: &DefaultKeyedRateLimiter<IpAddr>, state: &State, req: &poem::Request) -> DomainResult<()> {
    let Some(client) = client_address(req, state.settings.trust_forwarded) else {
        return Ok(());
    };
    limiter.check_key(&client).map_err(|not_until| Error::TooMany {
        retry_after: not_until.wait_time_from(DefaultClock::default().now()),
    })?;
    if limiter.len() > 10_000 {
        limiter.retain_recent();
    }
    Ok(())
}

#[OpenApi(tag = "Tag::Portal")]
impl PortalSignInApi {
    /// Order a code by mail.
    ///
    /// The answer is the same whether anybody is known by that address or not.
    #[oai(
        path = "/portal/:tenant/codes",
        method = "post",
        operation_id = "order_portal_code"
    )]
    async fn order_code(
        &self,
        req: &poem::Request,
        tenant: Path<String>,
        body: Body<CodeIn>,
        /// What the mail is written in: the first that there are mails in; the tenant's language if there is none.
        #[oai(name = "Accept-Language")]
        accept_language: Header<Option<String>>,
    ) -> Result<Accepted, ApiError> {
        count(&self.codes, &self.state, req)?;
        let language = accept_language.0.as_deref().and_then(letters::spoken);
        let ctx = &self.state.ctx;
        let scope = portal::stranger(ctx, &tenant.0).await?;
        let tx = ctx.store.begin(&scope).await?;
        portal::order_code(&tx, ctx, &body.0.email, language).await?;
        tx.save().await?;
        self.state.nudge.notify_one();
        Ok(Accepted::Accepted)
    }

    /// Sign in with a code.
    #[oai(
        path = "/portal/:tenant/sessions",
        method = "post",
        operation_id = "create_portal_session"
    )]
    async fn sign_in(
        &self,
        req: &poem::Request,
        tenant: Path<String>,
        body: Body<PortalSessionIn>,
    ) -> Result<PortalSessionResponse, ApiError> {
        count(&self.tries, &self.state, req)?;
        let signed_in = portal::sign_in(&self.state.ctx, &tenant.0, &body.0.email, &body.0.code).await?;
        self.opened(req, &tenant.0, signed_in).await
    }

    /// Sign in with a link.
    ///
    /// The link came with a code. It works once; asking for the page that it leads to does not use it up, this does. Wrong,
    /// used and too old links are answered alike.
    #[oai(
        path = "/portal/:tenant/sessions/by-link",
        method = "post",
        operation_id = "create_portal_session_by_link"
    )]
    async fn sign_in_by_link(
        &self,
        req: &poem::Request,
        tenant: Path<String>,
        body: Body<PortalLinkIn>,
    ) -> Result<PortalSessionResponse, ApiError> {
        count(&self.tries, &self.state, req)?;
        let signed_in = portal::sign_in_by_link(&self.state.ctx, &tenant.0, &body.0.token).await?;
        self.opened(req, &tenant.0, signed_in).await
    }

    /// Sign out.
    #[oai(
        path = "/portal/:tenant/sessions/current",
        method = "delete",
        operation_id = "delete_portal_session"
    )]
    async fn sign_out(&self, person: Person, tenant: Path<String>) -> Result<PortalSignedOut, ApiError> {
        portal::sign_out(&self.state.ctx, person.inner()).await?;
        Ok(PortalSignedOut::Done(self.cookie(&tenant.0, "", 0)))
    }
}
