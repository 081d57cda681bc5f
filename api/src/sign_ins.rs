//! Sessions over REST: sign in, see where one is signed in, sign out.

use chrono::{DateTime, Utc};
use domain::{
    page::PageIn,
    sign_ins::{self, NewSignIn},
};
use entity::{id::SignInId, sign_in};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use crate::{
    body::Body,
    caller::{Caller, SESSION_COOKIE},
    limits::client_address,
    members::Member,
    problem::ApiError,
    responses::{NoContent, Page},
    state::State,
    tags::Tag,
    tenant::Tenant,
};

/// Who wants to sign in.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionIn {
    email: String,
    password: String,
    /// The slug of a tenant that you are a member of; the first that you joined if absent.
    tenant: Option<String>,
}

/// A session that just began.
#[derive(Object)]
pub(crate) struct SignedIn {
    /// Proves who you are, as `Authorization: Bearer`. Not shown again.
    token: String,
    /// When it ends if it is not used: every use puts that off, up to 90 days after signing in.
    expires_at: DateTime<Utc>,
    tenant: Tenant,
    member: Member,
}

impl From<sign_ins::SignedIn> for SignedIn {
    fn from(signed: sign_ins::SignedIn) -> Self {
        Self {
            token: signed.token.into_inner(),
            expires_at: signed.expires_at,
            tenant: signed.tenant.into(),
            member: signed.member.into(),
        }
    }
}

/// A session that just began, by cookie too.
#[derive(ApiResponse)]
pub(crate) enum SignedInResponse {
    /// You are signed in.
    #[oai(status = 201)]
    Created(
        Json<SignedIn>,
        /// The session as a cookie, for browsers.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

impl SignedInResponse {
    /// The answer to who just signed in.
    pub(crate) fn new(state: &State, signed: sign_ins::SignedIn) -> Self {
        let cookie = cookie(state, signed.token.expose());
        Self::Created(Json(signed.into()), cookie)
    }
}

/// The session is over, in the browser too.
#[derive(ApiResponse)]
pub(crate) enum SignedOutResponse {
    /// You are signed out.
    #[oai(status = 204)]
    Done(
        /// Removes the session's cookie.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// A place where you are signed in.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Session {
    id: SignInId,
    created_at: DateTime<Utc>,
    /// To the minute.
    last_seen_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Whether it is the session of this request.
    current: bool,
    /// What the browser or program calls itself.
    client: Option<String>,
}

impl Session {
    fn new(row: sign_in::Model, current: SignInId) -> Self {
        Self {
            current: row.id == current,
            id: row.id,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            client: row.client,
        }
    }
}

/// The cookie that carries a session. It outlives the session rather than ending before it: the server decides.
pub(crate) fn cookie(state: &State, token: &str) -> String {
    let seconds = sign_ins::LONGEST.num_seconds();
    format!(
        "{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{}",
        secure(state)
    )
}

fn no_cookie(state: &State) -> String {
    format!(
        "{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{}",
        secure(state)
    )
}

fn secure(state: &State) -> &'static str {
    match state.ctx.settings.public_url.scheme() {
        "https" => "; Secure",
        _ => "",
    }
}

/// What the client calls itself.
pub(crate) fn client(req: &Request) -> Option<String> {
    req.header("user-agent").map(str::to_owned)
}

/// Sessions.
pub(crate) struct SignInsApi(pub(crate) State);

impl SignInsApi {
    async fn end(&self, caller: &Caller, id: SignInId) -> Result<(), ApiError> {
        let person = caller.inner().person()?;
        let tx = self.0.ctx.store.begin(caller.inner().scope()).await?;
        sign_ins::delete(&tx, &self.0.ctx, person.account_id, id).await?;
        tx.save().await?;
        Ok(())
    }
}

#[OpenApi(tag = "Tag::Account")]
impl SignInsApi {
    /// Sign in.
    ///
    /// A wrong address and a wrong password get the same answer. After several of these the next attempt has to wait.
    #[oai(path = "/sessions", method = "post", operation_id = "create_session")]
    async fn create(&self, req: &Request, body: Body<SessionIn>) -> Result<SignedInResponse, ApiError> {
        let new = NewSignIn {
            email: body.0.email,
            password: body.0.password.into(),
            tenant: body.0.tenant,
            client: client(req),
            address: client_address(req, self.0.settings.trust_forwarded),
        };
        let signed = sign_ins::create(&self.0.ctx, new).await?;
        Ok(SignedInResponse::new(&self.0, signed))
    }

    /// List where you are signed in.
    #[oai(path = "/sessions", method = "get", operation_id = "list_sessions")]
    async fn list(
        &self,
        caller: Caller,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Session>>, ApiError> {
        let person = caller.inner().person()?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(caller.inner().scope()).await?;
        let rows = sign_ins::list(&tx, &self.0.ctx, person.account_id, &page).await?;
        Ok(Page::from(rows, |row| Session::new(row, person.sign_in_id)))
    }

    /// Sign out.
    #[oai(
        path = "/sessions/current",
        method = "delete",
        operation_id = "delete_current_session"
    )]
    async fn delete_current(&self, caller: Caller) -> Result<SignedOutResponse, ApiError> {
        let person = caller.inner().person()?;
        self.end(&caller, person.sign_in_id).await?;
        Ok(SignedOutResponse::Done(no_cookie(&self.0)))
    }

    /// Sign out somewhere else.
    #[oai(
        path = "/sessions/:session_id",
        method = "delete",
        operation_id = "delete_session"
    )]
    async fn delete(&self, caller: Caller, session_id: Path<SignInId>) -> Result<NoContent, ApiError> {
        self.end(&caller, session_id.0).await?;
        Ok(NoContent::Done)
    }
}
