//! Reading through a hold: what it covers, put aside or still live, for whoever may.

use chrono::{DateTime, Utc};
use entity::{
    held_message,
    hold::{self, HoldState},
    id::{EndpointId, HoldId, PurposeId, SubjectId},
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::find;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    ids::MessageId,
    journal::{self, BINARY, NAMED, OUTBOUND, Said},
    page::{Cursor, Page, PageIn},
    tenancy::{TenantScope, TenantTx},
};

/// A message that a hold keeps; what it says is still sealed.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its id.
    pub id: MessageId,
    /// The endpoint it passed.
    pub endpoint: EndpointId,
    /// Its channel.
    pub channel: String,
    /// Its position in the channel.
    pub position: i64,
    /// It went to the end-user.
    pub outbound: bool,
    /// It is no text.
    pub binary: bool,
    /// Whom it is about; they may have been erased since.
    pub subject: Option<SubjectId>,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// Bytes of what it says.
    pub size: i32,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When it was put aside.
    pub held_at: DateTime<Utc>,
    row: held_message::Model,
}

impl From<held_message::Model> for Held {
    fn from(row: held_message::Model) -> Self {
        let id = MessageId(row.message_id);
        Self {
            id,
            endpoint: row.endpoint_id,
            channel: row.channel.clone(),
            position: row.position,
            outbound: row.flags & OUTBOUND != 0,
            binary: row.flags & BINARY != 0,
            subject: row.subject_id,
            purpose: row.purpose_id,
            size: row.size,
            created_at: id.at(),
            held_at: row.held_at,
            row,
        }
    }
}

/// A hold that stands now. One that does not shows nothing any more, even before what it kept is destroyed.
async fn standing(tx: &TenantTx, ctx: &Ctx, id: HoldId) -> Result<hold::Model> {
    let row = find(tx, id).await?;
    let now = ctx.now();
    if row.state == HoldState::Active && row.ends_at.is_none_or(|end| end > now) {
        return Ok(row);
    }
    Err(Error::Gone {
        what: "what the hold kept",
    })
}

/// What a hold has put aside, oldest first.
pub async fn messages(tx: &TenantTx, ctx: &Ctx, id: HoldId, page: &PageIn) -> Result<Page<Held>> {
    use held_message::Column;
    standing(tx, ctx, id).await?;
    let mut rows = tx
        .find::<held_message::Entity>()
        .filter(Column::HoldId.eq(id))
        .order_by_asc(Column::MessageId)
        .limit(page.limit + 1);
    if let Some(after) = page.after_number()? {
        rows = rows.filter(Column::MessageId.gt(after));
    }
    let rows = rows.all(tx.conn()).await?;
    Ok(Page::cut(rows, page, |row| Cursor::Number(row.message_id)).map(Held::from))
}

/// How many messages a hold has put aside.
pub async fn count(tx: &TenantTx, id: HoldId) -> Result<u64> {
    Ok(tx
        .find::<held_message::Entity>()
        .filter(held_message::Column::HoldId.eq(id))
        .count(tx.conn())
        .await?)
}

/// Opens what a hold keeps. That this was done is in the audit log before anything is answered.
pub async fn open(ctx: &Ctx, scope: &TenantScope, id: HoldId, held: &[Held]) -> Result<Vec<Option<Said>>> {
    let tx = ctx.store.begin(scope).await?;
    let number = standing(&tx, ctx, id).await?.number;
    let facts = json!({ "count": held.len() });
    audit::record(
        &tx,
        ctx,
        Event::new("hold.unsealed").target("hold", id).facts(facts),
    )
    .await?;
    tx.save().await?;
    let Some(pair) = ctx.keys.hold_pair_to_open(scope.tenant(), number).await? else {
        return Ok(held.iter().map(|_| None).collect());
    };
    held.iter()
        .map(|held| {
            let row = &held.row;
            let aad = journal::aad(scope.tenant(), row.endpoint_id, row.subject_id, number);
            let opened = pair.open(row.message_id, &aad, row.sealed.clone())?;
            Ok(journal::take_apart(opened, row.flags & NAMED != 0))
        })
        .collect()
}
