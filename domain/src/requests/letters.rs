//! What the privacy officer and the person write to each other about a request. Kept with it, sealed, and told by a mail
//! that says only that there is something to read.

use entity::{
    id::{RequestId, RequestMessageId},
    member::Role,
    request, request_message,
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::json;

use super::{correspondence::tell_deciders, notify};
use crate::{
    Error, Result,
    audit::{self, Event},
    ctx::Ctx,
    error::Faults,
    tenancy::{Actor, TenantTx},
};

/// A message, opened.
#[derive(Clone, Debug)]
pub struct Letter {
    /// As stored.
    pub row: request_message::Model,
    /// What it says.
    pub text: String,
}

const MAX_TEXT: usize = 10_000;
/// So that nobody fills the store; a conversation that is longer belongs elsewhere.
const MOST: u64 = 200;

pub(crate) fn context(id: RequestMessageId) -> String {
    format!("request_message/{id}")
}

/// Writes to the other side.
///
/// # Errors
/// `too_many` when the conversation has become too long.
pub async fn write(tx: &TenantTx, ctx: &Ctx, request: &request::Model, text: &str) -> Result<Letter> {
    let text = text.trim();
    let mut faults = Faults::default();
    faults.check(
        (1..=MAX_TEXT).contains(&text.chars().count()),
        "/text",
        "out_of_range",
        format!("use 1 to {MAX_TEXT} characters"),
    );
    faults.finish()?;
    let there = tx
        .find::<request_message::Entity>()
        .filter(request_message::Column::RequestId.eq(request.id))
        .count(tx.conn())
        .await?;
    if there >= MOST {
        return Err(Error::conflict(
            "too_many",
            "there are too many messages about this request; go on by mail",
        ));
    }
    let id: RequestMessageId = ctx.ids.next();
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let row = tx
        .insert(request_message::ActiveModel {
            id: Set(id),
            request_id: Set(request.id),
            at: Set(ctx.now()),
            author: Set(tx.actor().to_string()),
            sealed: Set(keys
                .tenant
                .seal_value(&context(id), text.as_bytes(), &*ctx.chance)),
            seen_at: Set(None),
            ..Default::default()
        })
        .await?;
    let from_person = *tx.actor() == Actor::Subject;
    let facts = json!({ "from": if from_person { "subject" } else { "tenant" } });
    let mut event = Event::new("request.message_written")
        .target("request", request.id)
        .facts(facts);
    if let Some(subject) = request.subject_id {
        event = event.subject(subject);
    }
    audit::record(tx, ctx, event).await?;
    if from_person {
        let more = json!({ "stage": "message", "days": 0, "waits_for_decision": false });
        tell_deciders(tx, ctx, request, &[Role::Owner, Role::Dpo], more).await?;
    } else {
        notify(tx, ctx, request, "request_message", json!({})).await?;
    }
    Ok(Letter {
        row,
        text: text.to_owned(),
    })
}

/// What was written about a request, oldest first.
pub async fn list(tx: &TenantTx, ctx: &Ctx, request: RequestId) -> Result<Vec<Letter>> {
    let rows = tx
        .find::<request_message::Entity>()
        .filter(request_message::Column::RequestId.eq(request))
        .order_by_asc(request_message::Column::Id)
        .limit(MOST)
        .all(tx.conn())
        .await?;
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let mut letters = Vec::with_capacity(rows.len());
    for row in rows {
        let text = keys.tenant.open_value(&context(row.id), &row.sealed)?;
        let text = String::from_utf8(text).map_err(Error::internal)?;
        letters.push(Letter { row, text });
    }
    Ok(letters)
}

/// Notes that this side has seen what the other wrote.
pub async fn seen(tx: &TenantTx, ctx: &Ctx, request: RequestId) -> Result<()> {
    let mut theirs = tx
        .update_many::<request_message::Entity>()
        .set(request_message::ActiveModel {
            seen_at: Set(Some(ctx.now())),
            ..Default::default()
        })
        .filter(request_message::Column::RequestId.eq(request))
        .filter(request_message::Column::SeenAt.is_null());
    theirs = if *tx.actor() == Actor::Subject {
        theirs.filter(request_message::Column::Author.ne("subject"))
    } else {
        theirs.filter(request_message::Column::Author.eq("subject"))
    };
    theirs.exec(tx.conn()).await?;
    Ok(())
}
