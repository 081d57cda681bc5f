//! The privacy page over REST: for data subjects, who have no account.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    error::{Error, Result as DomainResult},
    page::PageIn,
    portal::{self, Choice},
    requests, standings,
};
use entity::{
    consent_event::ConsentState,
    id::{ConsentEventId, NoticeVersionId, PurposeId, RequestId},
    purpose::{self, LawfulBasis},
    request::{self, RequestKind},
    tenant,
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Header, Path, Query},
    payload::{Json, PlainText},
};
use serde::Deserialize;

use crate::{
    body::Body,
    consents::{ConsentEvent, LinkedData},
    gpc,
    limits::client_address,
    portal_caller::{PORTAL_COOKIE, Person},
    problem::ApiError,
    purposes::{RightOut, rights_of},
    requests::{
        Package, Request, Told,
        bodies::{RequestDetails, RequestMessage, RequestMessageIn},
        one, shown,
    },
    responses::{Accepted, Created, Page, Versioned},
    state::State,
    tags::Tag,
    withdrawal,
};

/// Whose page it is, and why data are processed there.
#[derive(Clone, Debug, Object)]
pub struct Portal {
    tenant: PortalTenant,
    purposes: Vec<PortalPurpose>,
}

/// A tenant as everybody may know it.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalTenant {
    name: String,
    slug: String,
    /// Where questions go.
    contact_email: Option<String>,
    /// BCP 47.
    language: String,
}

impl From<tenant::Model> for PortalTenant {
    fn from(row: tenant::Model) -> Self {
        Self {
            name: row.name,
            slug: row.slug,
            contact_email: row.contact_email,
            language: row.language,
        }
    }
}

/// Why data are processed.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalPurpose {
    id: PurposeId,
    slug: String,
    name: String,
    description: Option<String>,
    lawful_basis: LawfulBasis,
    /// What you may demand, as it follows from the basis.
    rights: Vec<RightOut>,
    /// Whether your browser's `Sec-GPC: 1` is an objection to it.
    honours_gpc: bool,
}

impl From<purpose::Model> for PortalPurpose {
    fn from(row: purpose::Model) -> Self {
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            description: row.description,
            rights: rights_of(row.lawful_basis),
            honours_gpc: row.honours_gpc,
            lawful_basis: row.lawful_basis,
        }
    }
}

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

/// Who is signed in, and what is held of them.
#[derive(Clone, Debug, Object)]
pub struct PortalMe {
    /// The address; empty once it was erased.
    email: String,
    /// Whether the tenant knows somebody with this address.
    known: bool,
    /// What is held, most first.
    held: Vec<Held>,
    /// Records of connections.
    connections: u64,
}

/// Messages that are held for the same reason.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Held {
    /// What for, by name.
    purpose: Option<String>,
    /// Where they passed, by name.
    endpoint: String,
    /// What was found in them, by name.
    data_types: Vec<String>,
    messages: u64,
    oldest_at: DateTime<Utc>,
    newest_at: DateTime<Utc>,
    /// When the first of them is erased.
    next_expiry_at: DateTime<Utc>,
    /// When the last of them is erased.
    last_expiry_at: DateTime<Utc>,
    /// For how long each is kept; ISO 8601.
    duration: String,
}

impl From<portal::Held> for Held {
    fn from(held: portal::Held) -> Self {
        Self {
            purpose: held.purpose.map(|purpose| purpose.name.clone()),
            endpoint: held.endpoint.name,
            data_types: held.data_types,
            messages: held.messages,
            oldest_at: held.oldest_at,
            newest_at: held.newest_at,
            next_expiry_at: held.next_expiry_at,
            last_expiry_at: held.last_expiry_at,
            duration: held.duration,
        }
    }
}

/// Something you may say yes or no to.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalConsent {
    purpose: PortalPurpose,
    /// Absent: you never said anything.
    state: Option<ConsentState>,
    since: Option<DateTime<Utc>>,
    /// Whether it allows processing now.
    valid: bool,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// The newest words that explain the purpose, in your language where there are any.
    notice: Option<PortalNotice>,
    /// What you said, newest first.
    history: Vec<ConsentEvent>,
}

/// Words that explain a purpose.
#[derive(Clone, Debug, Object)]
pub struct PortalNotice {
    version_id: NoticeVersionId,
    text: String,
    /// BCP 47.
    language: String,
    /// SHA-256 of the text, in hex.
    hash: String,
}

impl PortalConsent {
    fn new(choice: Choice, tenant: &str) -> Self {
        Self {
            purpose: choice.purpose.into(),
            state: choice.state,
            since: choice.since,
            valid: choice.valid,
            expires_at: choice.expires_at,
            notice: choice.notice.map(|notice| PortalNotice {
                version_id: notice.id,
                hash: hex::encode(notice.hash),
                text: notice.text,
                language: notice.language,
            }),
            history: choice
                .history
                .into_iter()
                .map(|detail| ConsentEvent::from(detail).for_person(tenant))
                .collect(),
        }
    }
}

/// What you say.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Given,
    /// No more.
    Withdrawn,
}

/// What you say to a purpose.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalConsentIn {
    purpose_id: PurposeId,
    state: Answer,
    /// The words you read.
    notice_version_id: Option<NoticeVersionId>,
}

/// Which right you want to exercise.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalRequestIn {
    kind: RequestKind,
    details: Option<RequestDetails>,
}

/// Codes that one client may order: 20 at once, then one every three minutes.
const CODES: (u32, Duration) = (20, Duration::from_mins(3));
/// Codes that one client may try: 50 at once, then one every half minute.
const TRIES: (u32, Duration) = (50, Duration::from_secs(30));

/// The privacy page.
pub struct PortalApi {
    state: State,
    codes: DefaultKeyedRateLimiter<IpAddr>,
    tries: DefaultKeyedRateLimiter<IpAddr>,
}

impl PortalApi {
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

    /// A request that the caller may see: one under the address they are signed in with.
    async fn own(&self, person: &Person, id: RequestId) -> DomainResult<request::Model> {
        let person = person.inner();
        let tx = self.state.ctx.store.read(&person.scope).await?;
        let row = requests::read(&tx, id).await?;
        if row.email_index.as_ref() == Some(&person.email_index) {
            Ok(row)
        } else {
            Err(Error::NotFound { what: "request" })
        }
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

/// The first language of an `Accept-Language`, where it is one.
fn first_language(accepted: &str) -> Option<&str> {
    let first = accepted.split([',', ';']).next()?.trim();
    (!first.is_empty() && first != "*").then_some(first)
}

#[OpenApi(tag = "Tag::Portal")]
impl PortalApi {
    /// See whose page it is.
    #[oai(path = "/portal/:tenant", method = "get", operation_id = "read_portal")]
    async fn read(&self, tenant: Path<String>) -> Result<Json<Portal>, ApiError> {
        let ctx = &self.state.ctx;
        let scope = portal::stranger(ctx, &tenant.0).await?;
        let tx = ctx.store.read(&scope).await?;
        let purposes = portal::purposes(&tx).await?;
        let tenant = portal::open(ctx, &tenant.0).await?;
        Ok(Json(Portal {
            tenant: tenant.into(),
            purposes: purposes.into_iter().map(Into::into).collect(),
        }))
    }

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
    ) -> Result<Accepted, ApiError> {
        count(&self.codes, &self.state, req)?;
        let ctx = &self.state.ctx;
        let scope = portal::stranger(ctx, &tenant.0).await?;
        let tx = ctx.store.begin(&scope).await?;
        portal::order_code(&tx, ctx, &body.0.email).await?;
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
        if gpc::asserted(req) {
            // Somebody who proved who they are, with a browser that says no.
            let person = portal::authenticate(&self.state.ctx, &tenant.0, signed_in.token.expose()).await?;
            for subject in &person.subjects {
                let place = Some("privacy page".to_owned());
                self.state
                    .gpc_signal(&self.state, &person.scope, *subject, place)
                    .await?;
            }
        }
        let cookie = self.cookie(
            &tenant.0,
            signed_in.token.expose(),
            portal::SESSION_LIFE.num_seconds(),
        );
        let session = PortalSession {
            token: signed_in.token.into_inner(),
            expires_at: signed_in.expires_at,
        };
        Ok(PortalSessionResponse::Created(Json(session), cookie))
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

    /// See what is held of you, and until when.
    #[oai(path = "/portal/:tenant/me", method = "get", operation_id = "read_portal_me")]
    async fn me(&self, person: Person, tenant: Path<String>) -> Result<Json<PortalMe>, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let tx = ctx.store.read(&person.scope).await?;
        let held = portal::held(&tx, ctx, &person.subjects).await?;
        Ok(Json(PortalMe {
            email: person.email.clone().unwrap_or_default(),
            known: !person.subjects.is_empty(),
            held: held.into_iter().map(Into::into).collect(),
            connections: portal::connections(&tx, ctx, &person.subjects).await?,
        }))
    }

    /// List what you may say yes or no to.
    #[oai(
        path = "/portal/:tenant/consents",
        method = "get",
        operation_id = "list_portal_consents"
    )]
    async fn consents(
        &self,
        person: Person,
        tenant: Path<String>,
        /// The language of the words: the first that is named is looked for.
        #[oai(name = "Accept-Language")]
        accept_language: Header<Option<String>>,
    ) -> Result<Json<Page<PortalConsent>>, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let tx = ctx.store.read(&person.scope).await?;
        let language = accept_language.0.as_deref().and_then(first_language);
        let items = portal::choices(&tx, ctx, person, language).await?;
        Ok(Json(Page {
            items: items
                .into_iter()
                .map(|choice| PortalConsent::new(choice, &tenant.0))
                .collect(),
            next_cursor: None,
        }))
    }

    /// Give or withdraw a consent.
    ///
    /// A withdrawal is answered when it has taken effect: nothing of yours passes any more.
    #[oai(
        path = "/portal/:tenant/consents",
        method = "post",
        operation_id = "record_portal_consent"
    )]
    async fn say(
        &self,
        person: Person,
        tenant: Path<String>,
        body: Body<PortalConsentIn>,
    ) -> Result<Created<ConsentEvent>, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let state = match body.0.state {
            Answer::Given => ConsentState::Given,
            Answer::Withdrawn => ConsentState::Withdrawn,
        };
        let tx = ctx.store.begin(&person.scope).await?;
        let recorded = portal::say(
            &tx,
            ctx,
            person,
            body.0.purpose_id,
            state,
            body.0.notice_version_id,
        )
        .await?;
        let events = recorded.iter().map(|recorded| recorded.event.clone()).collect();
        let details = domain::consents::details(&tx, ctx, events).await?;
        tx.save().await?;
        if recorded.iter().any(|recorded| recorded.ended) {
            self.state.nudge.notify_one();
        }
        for recorded in recorded.iter().filter(|recorded| recorded.in_force) {
            let event = &recorded.event;
            let (subject, purpose) = (event.subject_id, event.purpose_id);
            if standings::is_valid(event.state) {
                withdrawal::undone(&self.state, &person.scope, subject, purpose).await?;
            } else {
                withdrawal::apply(&self.state, &person.scope, subject, purpose).await?;
            }
        }
        let first = details
            .into_iter()
            .map(|detail| ConsentEvent::from(detail).for_person(&tenant.0))
            .next();
        Ok(Created::fixed(first.ok_or(Error::NotFound { what: "person" })?))
    }

    /// Read the record of a consent of yours.
    ///
    /// JSON-LD with the fields of ISO/IEC TS 27560, in the words of DPV.
    #[oai(
        path = "/portal/:tenant/consents/:consent_id/record",
        method = "get",
        operation_id = "read_portal_consent_record"
    )]
    async fn consent_record(
        &self,
        person: Person,
        tenant: Path<String>,
        consent_id: Path<ConsentEventId>,
    ) -> Result<LinkedData, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let event = portal::consent(&ctx.store.read(&person.scope).await?, person, consent_id.0).await?;
        let document = domain::consents::dpv_record(ctx, &person.scope, event.id).await?;
        Ok(LinkedData::Ok(Json(document.0)))
    }

    /// Take the receipt of a consent of yours.
    ///
    /// Your copy of the record, signed as a tlog-proof: it can be checked without us.
    #[oai(
        path = "/portal/:tenant/consents/:consent_id/receipt",
        method = "get",
        operation_id = "read_portal_consent_receipt"
    )]
    async fn consent_receipt(
        &self,
        person: Person,
        tenant: Path<String>,
        consent_id: Path<ConsentEventId>,
    ) -> Result<LinkedData, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let event = portal::consent(&ctx.store.read(&person.scope).await?, person, consent_id.0).await?;
        let document = domain::consents::dpv_receipt(ctx, &person.scope, event.id).await?;
        Ok(LinkedData::Ok(Json(document.0)))
    }

    /// List your requests.
    #[oai(
        path = "/portal/:tenant/requests",
        method = "get",
        operation_id = "list_portal_requests"
    )]
    async fn requests(
        &self,
        person: Person,
        tenant: Path<String>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Request>>, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = requests::Filter {
            email_index: Some(person.email_index.clone()),
            ..requests::Filter::default()
        };
        let tx = ctx.store.read(&person.scope).await?;
        let rows = requests::list(&tx, ctx, &filter, &page).await?;
        let items = shown(&tx, ctx, rows.items, Told::Person(&tenant.0)).await?;
        Ok(Json(Page {
            items,
            next_cursor: rows.next_cursor,
        }))
    }

    /// Make a request.
    ///
    /// `409 already_open` when one of its kind is not answered yet.
    #[oai(
        path = "/portal/:tenant/requests",
        method = "post",
        operation_id = "create_portal_request"
    )]
    async fn create_request(
        &self,
        person: Person,
        tenant: Path<String>,
        body: Body<PortalRequestIn>,
    ) -> Result<Created<Request>, ApiError> {
        let (ctx, person) = (&self.state.ctx, person.inner());
        let tx = ctx.store.begin(&person.scope).await?;
        let mut details: requests::Details = body.0.details.map(Into::into).unwrap_or_default();
        // Whoever reads the person's mail asks in their own name.
        details.agent = None;
        let row = requests::create_from_portal(&tx, ctx, person, body.0.kind, details).await?;
        let out = one(&tx, ctx, row, Told::Person(&tenant.0)).await?;
        tx.save().await?;
        self.state.nudge.notify_one();
        Ok(Created::versioned(out.version, out))
    }

    /// Take your request back.
    #[oai(
        path = "/portal/:tenant/requests/:request_id/withdraw",
        method = "post",
        operation_id = "withdraw_portal_request"
    )]
    async fn withdraw(
        &self,
        person: Person,
        tenant: Path<String>,
        request_id: Path<RequestId>,
    ) -> Result<Versioned<Request>, ApiError> {
        let row = self.own(&person, request_id.0).await?;
        let (ctx, person) = (&self.state.ctx, person.inner());
        let tx = ctx.store.begin(&person.scope).await?;
        let row = requests::withdraw(&tx, ctx, row.id, None).await?;
        let out = one(&tx, ctx, row, Told::Person(&tenant.0)).await?;
        tx.save().await?;
        Ok(Versioned::new(out.version, out))
    }

    /// List what was written about your request.
    #[oai(
        path = "/portal/:tenant/requests/:request_id/messages",
        method = "get",
        operation_id = "list_portal_messages"
    )]
    async fn messages(
        &self,
        person: Person,
        tenant: Path<String>,
        request_id: Path<RequestId>,
    ) -> Result<Json<Page<RequestMessage>>, ApiError> {
        let row = self.own(&person, request_id.0).await?;
        let (ctx, person) = (&self.state.ctx, person.inner());
        let tx = ctx.store.begin(&person.scope).await?;
        let letters = requests::letters(&tx, ctx, row.id).await?;
        requests::letters_seen(&tx, ctx, row.id).await?;
        tx.save().await?;
        Ok(Json(Page {
            items: letters
                .into_iter()
                .map(|letter| RequestMessage::new(letter, Told::Person(&tenant.0)))
                .collect(),
            next_cursor: None,
        }))
    }

    /// Write to the privacy officer about your request.
    #[oai(
        path = "/portal/:tenant/requests/:request_id/messages",
        method = "post",
        operation_id = "create_portal_message"
    )]
    async fn write(
        &self,
        person: Person,
        tenant: Path<String>,
        request_id: Path<RequestId>,
        body: Body<RequestMessageIn>,
    ) -> Result<Created<RequestMessage>, ApiError> {
        let row = self.own(&person, request_id.0).await?;
        let (ctx, person) = (&self.state.ctx, person.inner());
        let tx = ctx.store.begin(&person.scope).await?;
        let letter = requests::write_letter(&tx, ctx, &row, &body.0.text).await?;
        tx.save().await?;
        self.state.nudge.notify_one();
        Ok(Created::fixed(RequestMessage::new(
            letter,
            Told::Person(&tenant.0),
        )))
    }

    /// Download the copy of your data.
    #[oai(
        path = "/portal/:tenant/requests/:request_id/export",
        method = "get",
        operation_id = "download_portal_export"
    )]
    async fn export(
        &self,
        person: Person,
        tenant: Path<String>,
        request_id: Path<RequestId>,
    ) -> Result<Package, ApiError> {
        debug_assert_eq!(person.inner().tenant.slug, tenant.0);
        let row = self.own(&person, request_id.0).await?;
        Ok(Package::of(&self.state.ctx, &person.inner().scope, &row).await?)
    }

    /// Take the receipt of your answered request.
    ///
    /// A C2SP tlog-proof, which proves offline how it ended.
    #[oai(
        path = "/portal/:tenant/requests/:request_id/receipt",
        method = "get",
        operation_id = "read_portal_receipt"
    )]
    async fn receipt(
        &self,
        person: Person,
        tenant: Path<String>,
        request_id: Path<RequestId>,
    ) -> Result<PlainText<String>, ApiError> {
        debug_assert_eq!(person.inner().tenant.slug, tenant.0);
        let row = self.own(&person, request_id.0).await?;
        Ok(PlainText(
            requests::receipt(&self.state.ctx, &person.inner().scope, &row).await?,
        ))
    }
}
