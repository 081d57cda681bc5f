//! What is written about requests, and the notice before a restriction ends, over REST.

use domain::{
    permissions::Permission,
    requests::{self, Lifting},
};
use entity::id::RequestId;
use poem_openapi::{
    OpenApi,
    param::{Header, Path},
    payload::Json,
};

use super::bodies::{LiftingIn, Request, RequestMessage, RequestMessageIn, Told, one};
use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// Letters about requests.
pub struct CorrespondenceApi(pub State);

#[OpenApi(tag = "Tag::Requests")]
impl CorrespondenceApi {
    /// List what was written about a request.
    ///
    /// Oldest first. What the person wrote counts as seen from now on.
    #[oai(
        path = "/requests/:request_id/messages",
        method = "get",
        operation_id = "list_request_messages"
    )]
    async fn list(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
    ) -> Result<Json<Page<RequestMessage>>, ApiError> {
        let scope = caller.may(Permission::RequestsRead)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let row = requests::read(&tx, request_id.0).await?;
        let letters = requests::letters(&tx, ctx, row.id).await?;
        requests::letters_seen(&tx, ctx, row.id).await?;
        tx.save().await?;
        Ok(Json(Page {
            items: letters
                .into_iter()
                .map(|letter| RequestMessage::new(letter, Told::Tenant))
                .collect(),
            next_cursor: None,
        }))
    }

    /// Write to the person about their request.
    ///
    /// They get a mail that says that there is something to read, and read it on the privacy page.
    #[oai(
        path = "/requests/:request_id/messages",
        method = "post",
        operation_id = "create_request_message"
    )]
    async fn write(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        body: Body<RequestMessageIn>,
    ) -> Result<Created<RequestMessage>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let row = requests::read(&tx, request_id.0).await?;
        let letter = requests::write_letter(&tx, ctx, &row, &body.0.text).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Created::fixed(RequestMessage::new(letter, Told::Tenant)))
    }

    /// Announce the end of a restriction or an objection.
    ///
    /// The person is told before it ends (Art. 18(3) GDPR), by mail; it ends at the time that you say, not before.
    /// `409 nobody_told` when there is no address to write to.
    #[oai(
        path = "/requests/:request_id/lift",
        method = "post",
        operation_id = "lift_request"
    )]
    async fn lift(
        &self,
        caller: Caller,
        request_id: Path<RequestId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<LiftingIn>,
    ) -> Result<Versioned<Request>, ApiError> {
        let scope = caller.may(Permission::RequestsWrite)?;
        let ctx = &self.0.ctx;
        let expected = expected(if_match.0.as_deref())?;
        let tx = ctx.store.begin(scope).await?;
        let lifting = Lifting {
            text: body.0.text,
            at: body.0.at,
            told_otherwise: body.0.told_otherwise.unwrap_or_default(),
        };
        let row = requests::announce_lifting(&tx, ctx, request_id.0, expected, lifting).await?;
        let out = one(&tx, ctx, row, Told::Tenant).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Versioned::new(out.version, out))
    }
}
