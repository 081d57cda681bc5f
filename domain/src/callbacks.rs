//! Recipients are told to do as was done here: erase, correct, restrict, stop (GDPR Art. 19). By webhook, signed and tried
//! again as any delivery; and they say when they have.
//!
//! A recipient is a webhook whose receiver took something about the person ([`entity::recipient`]), or one that asks for
//! such events whoever the person is. It acknowledges with the token of the callback, over REST; or the tenant notes that
//! it did.

use std::collections::HashMap;

use entity::{
    callback::{self, Act},
    id::{CallbackId, EndpointId, RequestId, SubjectId, WebhookDeliveryId},
    purpose, recipient, subject, webhook,
    webhook_delivery::{self, DeliveryState},
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder, Set, sea_query::Expr};
use serde_json::{Value, json};
use vault::token;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    pictures, subjects,
    tenancy::{Actor, TenantScope, TenantTx},
    webhooks::{self, EventKind},
};

/// The prefix of what recipients acknowledge with.
const PREFIX: &str = "weir_ak";
/// Characters of what is said with an acknowledgement.
const MAX_NOTE: usize = 1_000;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this request.
    pub request: Option<RequestId>,
    /// About this person.
    pub subject: Option<SubjectId>,
    /// Of this kind.
    pub act: Option<Act>,
    /// Answered, or not.
    pub acknowledged: Option<bool>,
}

/// A callback, and where its delivery stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The callback.
    pub row: callback::Model,
    /// The delivery; none when it is not on record any more.
    pub delivery: Option<webhook_delivery::Model>,
}

impl Standing {
    /// `acknowledged`, `unanswered` (the receiver took it), `pending` or `failed`.
    pub fn state(&self) -> &'static str {
        if self.row.acknowledged_at.is_some() {
            return "acknowledged";
        }
        match self.delivery.as_ref().map(|delivery| delivery.state) {
            _ if self.row.delivered_at.is_some() => "unanswered",
            Some(DeliveryState::Pending) => "pending",
            _ => "failed",
        }
    }
}

fn kind(act: Act) -> EventKind {
    match act {
        Act::Erasure => EventKind::SubjectErased,
        Act::Rectification => EventKind::SubjectRectified,
        Act::Restriction => EventKind::SubjectRestricted,
        Act::Withdrawal => EventKind::ConsentWithdrawn,
    }
}

/// Tells the recipients of a person's data what a request has done. Doing so twice changes nothing.
pub(crate) async fn tell_of_request(
    tx: &TenantTx,
    ctx: &Ctx,
    act: Act,
    request: RequestId,
    person: &subject::Model,
    more: &Value,
) -> Result<()> {
    let told = tx
        .find::<callback::Entity>()
        .filter(callback::Column::RequestId.eq(request))
        .count(tx.conn())
        .await?;
    if told > 0 {
        return Ok(());
    }
    let hooks = webhooks::receivers(tx, person.id, kind(act)).await?;
    tell(tx, ctx, act, Some(request), person, more, hooks).await
}

/// Tells the recipients of a person's data that the tenant restricts their processing of its own accord.
pub(crate) async fn tell_of_restriction(tx: &TenantTx, ctx: &Ctx, person: &subject::Model) -> Result<()> {
    let hooks = webhooks::receivers(tx, person.id, kind(Act::Restriction)).await?;
    tell(tx, ctx, Act::Restriction, None, person, &json!({}), hooks).await
}

/// Tells those that got a person's data for a purpose that the consent to it is withdrawn.
pub(crate) async fn tell_of_withdrawal(
    tx: &TenantTx,
    ctx: &Ctx,
    purpose: &purpose::Model,
    subject: SubjectId,
) -> Result<()> {
    let hooks = webhooks::receivers(tx, subject, kind(Act::Withdrawal)).await?;
    if hooks.is_empty() {
        return Ok(());
    }
    let picture = pictures::load(ctx, tx.scope()).await?;
    let rests_on_it = |endpoint: EndpointId| {
        picture
            .endpoint(endpoint)
            .is_some_and(|endpoint| endpoint.row.purpose_id == Some(purpose.id))
    };
    let asked = kind(Act::Withdrawal).bit();
    let hooks = hooks
        .into_iter()
        .filter(|hook| hook.events & asked != 0 || rests_on_it(hook.endpoint_id))
        .collect();
    let person = subjects::read(tx, subject).await?;
    let more = json!({ "purpose": purpose.slug, "purpose_id": purpose.id });
    tell(tx, ctx, Act::Withdrawal, None, &person, &more, hooks).await
}

async fn tell(
    tx: &TenantTx,
    ctx: &Ctx,
    act: Act,
    request: Option<RequestId>,
    person: &subject::Model,
    more: &Value,
    hooks: Vec<webhook::Model>,
) -> Result<()> {
    if hooks.is_empty() {
        return Ok(());
    }
    // None once the person's key is destroyed: then there is no name to tell.
    let Some(name) = subjects::reveal(ctx, person.clone()).await?.external_id else {
        return Ok(());
    };
    let base = ctx.settings.base();
    for hook in hooks {
        let id: CallbackId = ctx.ids.next();
        let secret = token::generate(PREFIX, &*ctx.chance);
        let mut shape = json!({
            "name": kind(act).as_str(),
            "callback_id": id,
            "user_id": name,
            "act": act,
            "at_ms": ctx.now().timestamp_millis(),
            "acknowledge": {
                "url": format!("{base}/api/v1/callbacks/acknowledgements"),
                "token": secret.expose(),
            },
        });
        if let (Some(shape), Value::Object(more)) = (shape.as_object_mut(), more) {
            shape.extend(more.clone());
        }
        if let Some(request) = request {
            shape["request_id"] = json!(request);
        }
        let about = (act != Act::Erasure).then_some(person.id);
        let delivery = webhooks::tell(tx, ctx, &hook, kind(act), about, shape).await?;
        tx.insert(callback::ActiveModel {
            id: Set(id),
            act: Set(act),
            request_id: Set(request),
            subject_id: Set(Some(person.id)),
            webhook_id: Set(hook.id),
            endpoint_id: Set(hook.endpoint_id),
            delivery_id: Set(delivery),
            host: Set(webhooks::host(hook.url.as_deref())),
            created_at: Set(ctx.now()),
            token_hash: Set(token::fingerprint(secret.expose()).to_vec()),
            delivered_at: Set(None),
            acknowledged_at: Set(None),
            acknowledged_by: Set(None),
            note: Set(None),
            ..Default::default()
        })
        .await?;
    }
    Ok(())
}

/// Lists callbacks, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<Standing>> {
    use callback::Column;
    let mut rows = tx.find::<callback::Entity>();
    if let Some(request) = filter.request {
        rows = rows.filter(Column::RequestId.eq(request));
    }
    if let Some(subject) = filter.subject {
        rows = rows.filter(Column::SubjectId.eq(subject));
    }
    if let Some(act) = filter.act {
        rows = rows.filter(Column::Act.eq(act));
    }
    rows = match filter.acknowledged {
        Some(true) => rows.filter(Column::AcknowledgedAt.is_not_null()),
        Some(false) => rows.filter(Column::AcknowledgedAt.is_null()),
        None => rows,
    };
    let rows = page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await?;
    Ok(Page {
        items: standing(tx, rows.items).await?,
        next_cursor: rows.next_cursor,
    })
}

/// Reads one callback.
pub async fn read(tx: &TenantTx, id: CallbackId) -> Result<Standing> {
    let row = tx.get::<callback::Entity, _>(id, "callback").await?;
    let mut all = standing(tx, vec![row]).await?;
    all.pop().ok_or(Error::NotFound { what: "callback" })
}

async fn standing(tx: &TenantTx, rows: Vec<callback::Model>) -> Result<Vec<Standing>> {
    let ids: Vec<WebhookDeliveryId> = rows.iter().map(|row| row.delivery_id).collect();
    let deliveries = tx
        .find::<webhook_delivery::Entity>()
        .filter(webhook_delivery::Column::Id.is_in(ids))
        .all(tx.conn())
        .await?;
    let mut by_id: HashMap<_, _> = deliveries.into_iter().map(|row| (row.id, row)).collect();
    Ok(rows
        .into_iter()
        .map(|row| Standing {
            delivery: by_id.remove(&row.delivery_id),
            row,
        })
        .collect())
}

/// Those that were told before a moment and have not answered.
pub(crate) async fn unanswered(
    tx: &TenantTx,
    before: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<callback::Model>> {
    Ok(tx
        .find::<callback::Entity>()
        .filter(callback::Column::AcknowledgedAt.is_null())
        .filter(callback::Column::CreatedAt.lt(before))
        .order_by_asc(callback::Column::Id)
        .all(tx.conn())
        .await?)
}

/// A recipient says that it did as it was told. Saying so again changes nothing.
///
/// # Errors
/// `Rejected` with `token_invalid` when the token is nobody's.
pub async fn acknowledge_by_token(ctx: &Ctx, secret: &str, note: Option<String>) -> Result<()> {
    const INVALID: Error = Error::Rejected {
        code: "token_invalid",
        detail: "this token belongs to no callback",
    };
    check_note(note.as_deref())?;
    let hash = token::fingerprint(secret).to_vec();
    let view = ctx
        .store
        .system_read("whose callback a recipient acknowledges")
        .await?;
    let found = view
        .find::<callback::Entity>()
        .filter(callback::Column::TokenHash.eq(hash))
        .one(view.conn())
        .await?
        .ok_or(INVALID)?;
    drop(view);
    let scope = TenantScope::new(found.tenant_id, Actor::System);
    let tx = ctx.store.begin(&scope).await?;
    note_answer(&tx, ctx, &found, "recipient", note).await?;
    tx.save().await?;
    Ok(())
}

/// The tenant notes that a recipient did as it was told: by word of mouth, by letter.
pub async fn acknowledge(tx: &TenantTx, ctx: &Ctx, id: CallbackId, note: Option<String>) -> Result<Standing> {
    check_note(note.as_deref())?;
    let found = read(tx, id).await?;
    let actor = tx.actor().to_string();
    note_answer(tx, ctx, &found.row, &actor, note).await?;
    read(tx, id).await
}

fn check_note(note: Option<&str>) -> Result<()> {
    if note.is_some_and(|note| note.chars().count() > MAX_NOTE) {
        let detail = format!("use at most {MAX_NOTE} characters");
        return Err(Error::invalid("/note", "too_long", detail));
    }
    Ok(())
}

async fn note_answer(
    tx: &TenantTx,
    ctx: &Ctx,
    row: &callback::Model,
    by: &str,
    note: Option<String>,
) -> Result<()> {
    let done = tx
        .update_many::<callback::Entity>()
        .col_expr(callback::Column::AcknowledgedAt, Expr::value(ctx.now()))
        .col_expr(callback::Column::AcknowledgedBy, Expr::value(by))
        .col_expr(callback::Column::Note, Expr::value(note))
        .filter(callback::Column::Id.eq(row.id))
        .filter(callback::Column::AcknowledgedAt.is_null())
        .exec(tx.conn())
        .await?;
    if done.rows_affected == 0 {
        return Ok(());
    }
    let facts = json!({ "act": row.act, "host": row.host, "request": row.request_id });
    let mut event = Event::new("callback.acknowledged")
        .target("callback", row.id)
        .facts(facts);
    if let Some(subject) = row.subject_id {
        event = event.subject(subject);
    }
    audit::record(tx, ctx, event).await?;
    Ok(())
}

/// Who got something about a person, by webhook, most lately first.
pub async fn recipients_of(tx: &TenantTx, subjects: &[SubjectId]) -> Result<Vec<recipient::Model>> {
    Ok(tx
        .find::<recipient::Entity>()
        .filter(recipient::Column::SubjectId.is_in(subjects.iter().copied()))
        .order_by_desc(recipient::Column::LastAt)
        .all(tx.conn())
        .await?)
}
