//! Requests of the person who is signed in, with what was written about them and what came of them.

use domain::{
    error::{Error, Result as DomainResult},
    letters,
    page::PageIn,
    requests,
};
use entity::{
    id::RequestId,
    request::{self, RequestKind},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::{Json, PlainText},
};
use serde::Deserialize;

use crate::{
    body::Body,
    portal_caller::Person,
    problem::ApiError,
    requests::{
        Package, Request, Told,
        bodies::{RequestDetails, RequestMessage, RequestMessageIn},
        one, shown,
    },
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
};

/// Which right you want to exercise.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalRequestIn {
    kind: RequestKind,
    details: Option<RequestDetails>,
}

/// Requests of whoever is signed in.
pub struct PortalRequestsApi(pub State);

impl PortalRequestsApi {
    /// A request that the caller may see.
    async fn own(&self, person: &Person, id: RequestId) -> DomainResult<request::Model> {
        let person = person.inner();
        let tx = self.0.ctx.store.read(&person.scope).await?;
        let row = requests::read(&tx, id).await?;
        if person.as_reader().has(&row) {
            Ok(row)
        } else {
            Err(Error::NotFound { what: "request" })
        }
    }
}

#[OpenApi(tag = "Tag::Portal")]
impl PortalRequestsApi {
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
        let (ctx, person) = (&self.0.ctx, person.inner());
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = requests::Filter {
            of: Some(person.as_reader()),
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
        /// What you are written to in about it: the first that there are mails in.
        #[oai(name = "Accept-Language")]
        accept_language: Header<Option<String>>,
    ) -> Result<Created<Request>, ApiError> {
        let (ctx, person) = (&self.0.ctx, person.inner());
        let language = accept_language.0.as_deref().and_then(letters::spoken);
        let tx = ctx.store.begin(&person.scope).await?;
        let mut details: requests::Details = body.0.details.map(Into::into).unwrap_or_default();
        // Whoever reads the person's mail asks in their own name.
        details.agent = None;
        let row = requests::create_from_portal(&tx, ctx, person, body.0.kind, details, language).await?;
        let out = one(&tx, ctx, row, Told::Person(&tenant.0)).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
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
        let (ctx, person) = (&self.0.ctx, person.inner());
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
        let (ctx, person) = (&self.0.ctx, person.inner());
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
        let (ctx, person) = (&self.0.ctx, person.inner());
        let tx = ctx.store.begin(&person.scope).await?;
        let letter = requests::write_letter(&tx, ctx, &row, &body.0.text).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
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
        Ok(Package::of(&self.0.ctx, &person.inner().scope, &row).await?)
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
            requests::receipt(&self.0.ctx, &person.inner().scope, &row).await?,
        ))
    }
}
