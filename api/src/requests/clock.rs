//! The clock of requests over REST.

use domain::{permissions::Permission, requests};
use entity::{id::RequestId, request};
use poem_openapi::{
    OpenApi,
    param::{Header, Path},
};

use super::bodies::{ExtensionIn, PauseIn, Request, Told, one};
use crate::{
    body::Body, caller::Caller, problem::ApiError, responses::Versioned, state::State, tags::Tag,
    versions::expected,
};

/// The clock of requests.
pub struct RequestClockApi(pub State);

impl RequestClockApi {
    /// Saves a change and shows the request after it.
    async fn done(
        &self,
        tx: domain::tenancy::TenantTx,
        row: request::Model,
    ) -> Result<Versioned<Request>, ApiError> {
        let out = one(&tx, &self.0.ctx, row, Told::Tenant).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Versioned::new(out.version, out))
    }
}

#[OpenApi(tag = "Tag::Requests")]
impl RequestClockApi {
    /// Put the answer off.
    ///
    /// Once, before the time is over, and only as far as the law of the request goes; the person is told why by mail.
    /// `409 not_extendable` otherwise.
    #[oai(
        path = "/requests/:request_id/extend",
        method = "post",
        operation_id = "extend_request"
    )]
    async fn extend(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<ExtensionIn>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let ExtensionIn { reason, text } = &body.0;
        let row = requests::extend(&tx, &self.0.ctx, request_id.0, expected, reason, text).await?;
        self.done(tx, row).await
    }

    /// Stop the clock.
    ///
    /// Until the person has proven who they are, or said what they mean: they are asked by mail. Only where the law of
    /// the request lets the clock stand still for that; `409 not_pausable` otherwise.
    #[oai(
        path = "/requests/:request_id/pause",
        method = "post",
        operation_id = "pause_request"
    )]
    async fn pause(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<PauseIn>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let PauseIn { reason, text } = &body.0;
        let row = requests::pause(&tx, &self.0.ctx, request_id.0, expected, reason, text).await?;
        self.done(tx, row).await
    }

    /// Let the clock go on.
    ///
    /// The time to answer ends later by the whole days that it stood still.
    #[oai(
        path = "/requests/:request_id/resume",
        method = "post",
        operation_id = "resume_request"
    )]
    async fn resume(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = requests::resume(&tx, &self.0.ctx, request_id.0, expected).await?;
        self.done(tx, row).await
    }

    /// Note that receipt was confirmed.
    ///
    /// For persons without an address; others are told by mail as soon as a request is made.
    #[oai(
        path = "/requests/:request_id/acknowledge",
        method = "post",
        operation_id = "acknowledge_request"
    )]
    async fn acknowledge(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = requests::acknowledge(&tx, &self.0.ctx, request_id.0, expected).await?;
        self.done(tx, row).await
    }
}
