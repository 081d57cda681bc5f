//! Legal holds over REST.

use chrono::{DateTime, Utc};
use domain::{
    error::Error,
    holds,
    holds::{Filter, HoldPatch, NewHold},
    page::PageIn,
    permissions::Permission,
};
use entity::{
    hold::{self, HoldState},
    id::{DataTypeId, EndpointId, HoldId, PurposeId, SubjectId},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    body::Body,
    caller::Caller,
    messages::{Direction, Encoding, data},
    problem::ApiError,
    responses::{Created, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// A hold to be placed. What is not named is not limited: a hold that names nothing covers every message.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldIn {
    /// What people call it; typed again to lift it.
    name: String,
    /// Why it is placed.
    reason: String,
    /// Who wants it: a court, an authority, a file number.
    authority: Option<String>,
    /// Only on this endpoint.
    endpoint_id: Option<EndpointId>,
    /// Only on channels that fit: `*` stands for any run of characters.
    channel_pattern: Option<String>,
    /// Only about this person.
    subject_id: Option<SubjectId>,
    /// Only messages in which it was found.
    data_type_id: Option<DataTypeId>,
    /// Only messages for this purpose.
    purpose_id: Option<PurposeId>,
    /// Only what was recorded from then on.
    recorded_from: Option<DateTime<Utc>>,
    /// Only what was recorded before.
    recorded_to: Option<DateTime<Utc>>,
    /// From when on it stands. Default now.
    starts_at: Option<DateTime<Utc>>,
    /// Until when it stands. Default until it is lifted.
    ends_at: Option<DateTime<Utc>>,
    /// How often you are reminded to review it, ISO 8601. Default `P90D`.
    review_every: Option<String>,
}

impl From<HoldIn> for NewHold {
    fn from(input: HoldIn) -> Self {
        Self {
            name: input.name,
            reason: input.reason,
            authority: input.authority,
            endpoint_id: input.endpoint_id,
            channel_pattern: input.channel_pattern,
            subject_id: input.subject_id,
            data_type_id: input.data_type_id,
            purpose_id: input.purpose_id,
            recorded_from: input.recorded_from,
            recorded_to: input.recorded_to,
            starts_at: input.starts_at,
            ends_at: input.ends_at,
            review_every: input.review_every,
        }
    }
}

/// Changes to a hold. What is absent stays; `null` clears. What it covers never changes: place another one.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldPatchIn {
    name: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    authority: MaybeUndefined<String>,
    #[serde(default)]
    ends_at: MaybeUndefined<DateTime<Utc>>,
    review_every: Option<String>,
}

impl From<HoldPatchIn> for HoldPatch {
    fn from(input: HoldPatchIn) -> Self {
        Self {
            name: input.name,
            reason: input.reason,
            authority: input.authority.into(),
            ends_at: input.ends_at.into(),
            review_every: input.review_every,
        }
    }
}

/// The end of a hold.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftIn {
    /// The name of the hold, typed again: what it keeps is destroyed.
    confirm: String,
    /// Why, for whoever asks later.
    why: Option<String>,
}

/// A legal hold: what it covers is kept, whatever rules say, until it is lifted.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Hold {
    id: HoldId,
    name: String,
    reason: String,
    authority: Option<String>,
    endpoint_id: Option<EndpointId>,
    channel_pattern: Option<String>,
    subject_id: Option<SubjectId>,
    data_type_id: Option<DataTypeId>,
    purpose_id: Option<PurposeId>,
    recorded_from: Option<DateTime<Utc>>,
    recorded_to: Option<DateTime<Utc>>,
    starts_at: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    /// ISO 8601.
    review_every: String,
    next_review_at: DateTime<Utc>,
    state: HoldState,
    /// `member:<id>` or `api_key:<id>`.
    placed_by: String,
    /// Where the receipt is that proves that it was placed.
    placed_receipt_url: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When it was lifted, or ended.
    lifted_at: Option<DateTime<Utc>>,
    lifted_by: Option<String>,
    lifted_why: Option<String>,
    /// Where the receipt of that is.
    lifted_receipt_url: Option<String>,
    /// When nothing was left of what it kept.
    cleared_at: Option<DateTime<Utc>>,
    /// Where the receipt of that is.
    cleared_receipt_url: Option<String>,
    version: i32,
}

impl From<hold::Model> for Hold {
    fn from(row: hold::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            reason: row.reason,
            authority: row.authority,
            endpoint_id: row.endpoint_id,
            channel_pattern: row.channel_pattern,
            subject_id: row.subject_id,
            data_type_id: row.data_type_id,
            purpose_id: row.purpose_id,
            recorded_from: row.recorded_from,
            recorded_to: row.recorded_to,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            review_every: row.review_every,
            next_review_at: row.next_review_at,
            state: row.state,
            placed_by: row.placed_by,
            placed_receipt_url: receipt_url(row.placed_index),
            created_at: row.created_at,
            updated_at: row.updated_at,
            lifted_at: row.lifted_at,
            lifted_by: row.lifted_by,
            lifted_why: row.lifted_why,
            lifted_receipt_url: row.lifted_index.map(receipt_url),
            cleared_at: row.cleared_at,
            cleared_receipt_url: row.cleared_index.map(receipt_url),
            version: row.version,
        }
    }
}

/// Where the receipt of an entry of the log is.
pub(crate) fn receipt_url(index: i64) -> String {
    format!("/api/v1/log/{index}/receipt")
}

/// A hold with what it keeps, counted.
#[derive(Clone, Debug, Object)]
pub struct HoldDetails {
    #[oai(flatten)]
    hold: Hold,
    /// Messages that are put aside for it.
    kept: u64,
}

/// A message that would be gone without the hold.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HeldMessage {
    id: String,
    endpoint_id: EndpointId,
    channel: String,
    /// Its position in the channel.
    offset: i64,
    direction: Direction,
    /// Whom it is about; they may have been erased since.
    subject_id: Option<SubjectId>,
    purpose_id: Option<PurposeId>,
    /// Bytes.
    size: i32,
    created_at: DateTime<Utc>,
    /// When it was put aside.
    held_at: DateTime<Utc>,
    /// What its sender called it, once unsealed.
    event: Option<String>,
    /// What it says, once unsealed: a JSON object or list as such, anything else as text.
    data: Option<Value>,
    /// Set when `data` is no text.
    encoding: Option<Encoding>,
    /// Whether `data` is left out.
    sealed: bool,
}

impl From<&holds::Held> for HeldMessage {
    fn from(held: &holds::Held) -> Self {
        Self {
            id: held.id.0.to_string(),
            endpoint_id: held.endpoint,
            channel: held.channel.clone(),
            offset: held.position,
            direction: if held.outbound {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            subject_id: held.subject,
            purpose_id: held.purpose,
            size: held.size,
            created_at: held.created_at,
            held_at: held.held_at,
            event: None,
            data: None,
            encoding: None,
            sealed: true,
        }
    }
}

/// Legal holds.
pub struct HoldsApi(pub State);

#[OpenApi(tag = "Tag::Retention")]
impl HoldsApi {
    /// List legal holds.
    #[oai(path = "/holds", method = "get", operation_id = "list_holds")]
    async fn list(
        &self,
        caller: Caller,
        state: Query<Option<HoldState>>,
        /// Naming this endpoint.
        endpoint_id: Query<Option<EndpointId>>,
        /// Naming this purpose.
        purpose_id: Query<Option<PurposeId>>,
        /// Naming this person.
        subject_id: Query<Option<SubjectId>>,
        /// Only those whose review is due, or only the others.
        review_due: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Hold>>, ApiError> {
        let scope = caller.may(Permission::HoldsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = Filter {
            state: state.0,
            endpoint: endpoint_id.0,
            purpose: purpose_id.0,
            subject: subject_id.0,
            review_due: review_due.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            holds::list(&tx, &self.0.ctx, &filter, &page).await?,
            Hold::from,
        ))
    }

    /// Place a legal hold.
    ///
    /// What it covers is kept, whatever rules and erasures say: put aside under a key of the hold's own just before it
    /// would go, and readable through the hold only. From the answer on nothing it covers is destroyed any more.
    #[oai(path = "/holds", method = "post", operation_id = "create_hold")]
    async fn create(&self, caller: Caller, body: Body<HoldIn>) -> Result<Created<Hold>, ApiError> {
        let scope = caller.may(Permission::HoldsWrite)?;
        let tx = holds::begin(&self.0.ctx, scope).await?;
        let row = holds::create(&tx, &self.0.ctx, body.0.into()).await?;
        tx.save().await?;
        Ok(Created::versioned(row.version, row))
    }

    /// Read a legal hold.
    #[oai(path = "/holds/:hold_id", method = "get", operation_id = "read_hold")]
    async fn read(&self, caller: Caller, hold_id: Path<HoldId>) -> Result<Versioned<HoldDetails>, ApiError> {
        let scope = caller.may(Permission::HoldsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = holds::find(&tx, hold_id.0).await?;
        let kept = holds::count(&tx, row.id).await?;
        let version = row.version;
        let hold = Hold::from(row);
        Ok(Versioned::new(version, HoldDetails { hold, kept }))
    }

    /// Change a legal hold.
    #[oai(path = "/holds/:hold_id", method = "patch", operation_id = "update_hold")]
    async fn update(
        &self,
        caller: Caller,
        hold_id: Path<HoldId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<HoldPatchIn>,
    ) -> Result<Versioned<Hold>, ApiError> {
        let scope = caller.may(Permission::HoldsWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = holds::update(&tx, &self.0.ctx, hold_id.0, expected, body.0.into()).await?;
        tx.save().await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Note that a legal hold was reviewed and is still needed.
    #[oai(
        path = "/holds/:hold_id/review",
        method = "post",
        operation_id = "review_hold"
    )]
    async fn review(&self, caller: Caller, hold_id: Path<HoldId>) -> Result<Versioned<Hold>, ApiError> {
        let scope = caller.may(Permission::HoldsWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = holds::reviewed(&tx, &self.0.ctx, hold_id.0).await?;
        tx.save().await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Lift a legal hold.
    ///
    /// What it kept and would be gone without it is destroyed: its key at once, its rows right after. What another hold
    /// covers goes over to that one.
    #[oai(path = "/holds/:hold_id/lift", method = "post", operation_id = "lift_hold")]
    async fn lift(
        &self,
        caller: Caller,
        hold_id: Path<HoldId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<LiftIn>,
    ) -> Result<Versioned<Hold>, ApiError> {
        let scope = caller.may(Permission::HoldsWrite)?;
        let ctx = &self.0.ctx;
        let expected = expected(if_match.0.as_deref())?;
        let LiftIn { confirm, why } = body.0;
        let tx = holds::begin(ctx, scope).await?;
        let row = holds::lift(&tx, ctx, hold_id.0, expected, &confirm, why).await?;
        tx.save().await?;
        holds::destroy_key(ctx, scope, &row).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// List what a legal hold keeps.
    ///
    /// Oldest first: messages that would be gone without it. What it covers and is not gone yet is among the messages.
    /// With `unseal` every message is opened, which needs `messages:unseal` and is recorded.
    #[oai(
        path = "/holds/:hold_id/messages",
        method = "get",
        operation_id = "list_held_messages"
    )]
    async fn messages(
        &self,
        caller: Caller,
        hold_id: Path<HoldId>,
        /// Open them.
        unseal: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<HeldMessage>>, ApiError> {
        let scope = caller.may(Permission::HoldsRead)?;
        let unseal = unseal.0.unwrap_or_default();
        if unseal {
            caller.may(Permission::MessagesUnseal)?;
        }
        let ctx = &self.0.ctx;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = ctx.store.read(scope).await?;
        let found = holds::messages(&tx, ctx, hold_id.0, &page).await?;
        drop(tx);
        let mut items: Vec<HeldMessage> = found.items.iter().map(HeldMessage::from).collect();
        if unseal {
            let opened = holds::open(ctx, scope, hold_id.0, &found.items).await?;
            for (item, said) in items.iter_mut().zip(opened) {
                let said = said.ok_or(Error::Gone {
                    what: "the key of what the hold kept",
                })?;
                let (data, encoding) = data(said.data.into());
                item.event = said.event.map(Into::into);
                item.data = Some(data);
                item.encoding = encoding;
                item.sealed = false;
            }
        }
        Ok(Json(Page {
            items,
            next_cursor: found.next_cursor,
        }))
    }
}
