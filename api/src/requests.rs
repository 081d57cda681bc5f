//! Requests of data subjects over REST, for the tenant.

pub(crate) mod bodies;
pub(crate) mod clock;
pub(crate) mod correspondence;

use domain::{
    Ctx,
    error::{Error, Faults, Result as DomainResult},
    exports,
    page::PageIn,
    permissions::Permission,
    requests::{self, NewForSubject},
    subjects,
    tenancy::TenantTx,
};
use entity::{
    id::{RequestId, SubjectId},
    request::{self, RequestKind, RequestState},
};
use futures_util::stream;
use poem::Body as Stream;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::{Binary, Json, PlainText},
};

use bodies::{RefusalIn, RequestIn};
pub(crate) use bodies::{Request, Told, one, shown};

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// A package being downloaded.
#[derive(ApiResponse)]
pub enum Package {
    /// A ZIP: begin with `README.html` in it.
    #[oai(status = 200, content_type = "application/zip")]
    Ok(
        Binary<Stream>,
        #[oai(header = "Content-Disposition")] String,
        #[oai(header = "Content-Length")] i64,
        #[oai(header = "Cache-Control")] String,
    ),
}

impl Package {
    /// Hands the export of a request out, part by part.
    pub(crate) async fn of(
        ctx: &Ctx,
        scope: &domain::tenancy::TenantScope,
        row: &request::Model,
    ) -> DomainResult<Self> {
        let download = exports::download(ctx, scope, row).await?;
        let size = download.export.size;
        let name = format!(
            "attachment; filename=\"data-{}.zip\"",
            row.received_at.format("%Y-%m-%d")
        );
        let parts = stream::try_unfold(download, |mut download| async move {
            match download.next_part().await {
                Ok(Some(part)) => Ok(Some((part, download))),
                Ok(None) => Ok(None),
                Err(error) => {
                    tracing::error!(error = ?error, "an export broke off");
                    Err(std::io::Error::other("the export broke off"))
                }
            }
        });
        Ok(Self::Ok(
            Binary(Stream::from_bytes_stream(parts)),
            name,
            size,
            "no-store".to_owned(),
        ))
    }
}

/// Requests.
pub struct RequestsApi(pub State);

impl RequestsApi {
    async fn subject(&self, tx: &TenantTx, input: &RequestIn) -> DomainResult<SubjectId> {
        let mut faults = Faults::default();
        let found = match (&input.subject, input.subject_id) {
            (Some(external), None) => {
                let row = subjects::by_external_id(tx, &self.0.ctx, external).await?;
                faults.check(row.is_some(), "/subject", "unknown", "there is no such person");
                row.map(|row| row.id)
            }
            (None, Some(id)) => match subjects::read(tx, id).await {
                Err(Error::NotFound { .. }) => {
                    faults.add("/subject_id", "unknown", "there is no such person");
                    None
                }
                row => Some(row?.id),
            },
            (None, None) => {
                faults.add("/subject", "missing", "name the person in subject or subject_id");
                None
            }
            (Some(_), Some(_)) => {
                faults.add(
                    "/subject_id",
                    "unexpected",
                    "name the person once, in subject or subject_id",
                );
                None
            }
        };
        faults.finish()?;
        found.ok_or(Error::NotFound { what: "subject" })
    }
}

#[OpenApi(tag = "Tag::Requests")]
impl RequestsApi {
    /// List requests.
    #[oai(path = "/requests", method = "get", operation_id = "list_requests")]
    async fn list(
        &self,
        caller: Caller,
        kind: Query<Option<RequestKind>>,
        state: Query<Option<RequestState>>,
        /// Only those that should have been answered by now; or with `false` all others.
        overdue: Query<Option<bool>>,
        subject_id: Query<Option<SubjectId>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Request>>, ApiError> {
        let scope = caller.may(Permission::RequestsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = requests::Filter {
            kind: kind.0,
            state: state.0,
            overdue: overdue.0,
            subject: subject_id.0,
            of: None,
        };
        let ctx = &self.0.ctx;
        let tx = ctx.store.read(scope).await?;
        let rows = requests::list(&tx, ctx, &filter, &page).await?;
        let items = shown(&tx, ctx, rows.items, Told::Tenant).await?;
        Ok(Json(Page {
            items,
            next_cursor: rows.next_cursor,
        }))
    }

    /// Make a request for a person.
    ///
    /// That the person wants it is your assertion. It is carried out at once; `409 already_open` when one of its kind
    /// is not answered yet.
    #[oai(path = "/requests", method = "post", operation_id = "create_request")]
    async fn create(&self, caller: Caller, body: Body<RequestIn>) -> Result<Created<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let subject = self.subject(&tx, &body.0).await?;
        let new = NewForSubject {
            kind: body.0.kind,
            subject,
            note: body.0.note,
            notify: body.0.notify.unwrap_or(true),
            details: body.0.details.map(Into::into).unwrap_or_default(),
            language: body.0.language,
        };
        let row = requests::create_for_subject(&tx, ctx, new).await?;
        let out = one(&tx, ctx, row, Told::Tenant).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Created::versioned(out.version, out))
    }

    /// Read a request.
    #[oai(path = "/requests/:request_id", method = "get", operation_id = "read_request")]
    async fn read(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsRead)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.read(scope).await?;
        let row = requests::read(&tx, request_id.0).await?;
        let out = one(&tx, ctx, row, Told::Tenant).await?;
        Ok(Versioned::new(out.version, out))
    }

    /// Refuse a request.
    ///
    /// With a coded reason and your words; the person is told by mail, with the ways to complain.
    #[oai(
        path = "/requests/:request_id/refuse",
        method = "post",
        operation_id = "refuse_request"
    )]
    async fn refuse(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<RefusalIn>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let expected = expected(if_match.0.as_deref())?;
        let row = requests::refuse(&tx, ctx, request_id.0, expected, &body.0.code, &body.0.text).await?;
        let out = one(&tx, ctx, row, Told::Tenant).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Versioned::new(out.version, out))
    }

    /// Take a request back.
    #[oai(
        path = "/requests/:request_id/withdraw",
        method = "post",
        operation_id = "withdraw_request"
    )]
    async fn withdraw(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let row = requests::withdraw(&tx, ctx, request_id.0, expected(if_match.0.as_deref())?).await?;
        let out = one(&tx, ctx, row, Told::Tenant).await?;
        tx.save().await?;
        Ok(Versioned::new(out.version, out))
    }

    /// Let a request go on that waits for a decision.
    #[oai(
        path = "/requests/:request_id/approve",
        method = "post",
        operation_id = "approve_request"
    )]
    async fn approve(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let row = requests::approve(&tx, ctx, request_id.0, expected(if_match.0.as_deref())?).await?;
        let out = one(&tx, ctx, row, Told::Tenant).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Versioned::new(out.version, out))
    }

    /// Download the export of an access request.
    ///
    /// Each download is counted and recorded in the audit log.
    #[oai(
        path = "/requests/:request_id/export",
        method = "get",
        operation_id = "download_request_export"
    )]
    async fn export(&self, caller: Caller, request_id: Path<RequestId>) -> Result<Package, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.read(scope).await?;
        let row = requests::read(&tx, request_id.0).await?;
        drop(tx);
        Ok(Package::of(ctx, scope, &row).await?)
    }

    /// Take the receipt of an answered request.
    ///
    /// A C2SP tlog-proof: `weir verify` checks it offline.
    #[oai(
        path = "/requests/:request_id/receipt",
        method = "get",
        operation_id = "read_request_receipt"
    )]
    async fn receipt(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
    ) -> Result<PlainText<String>, ApiError> {
        let scope = caller.may(Permission::RequestsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = requests::read(&tx, request_id.0).await?;
        drop(tx);
        Ok(PlainText(requests::receipt(&self.0.ctx, scope, &row).await?))
    }
}
