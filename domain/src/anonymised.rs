//! What is left of messages that expired under a rule that anonymises: no person, no channel, no time finer than an hour, and
//! ids that name no message. It stays until the tenant removes it, or the endpoint goes.

use entity::{
    anonymised_message,
    id::{AnonymisedMessageId, EndpointId, PurposeId},
};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    endpoints,
    error::Result,
    page::{self, Page, PageIn},
    tenancy::TenantTx,
};

/// Binds what is sealed to its row.
pub(crate) fn context(id: AnonymisedMessageId) -> String {
    format!("anonymised-message/{id}")
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Recorded here.
    pub endpoint: Option<EndpointId>,
    /// Processed for this.
    pub purpose: Option<PurposeId>,
}

/// What a message said that was not personal.
#[derive(Clone, Debug, Deserialize)]
pub struct Rest {
    /// What it was called.
    pub event: Option<String>,
    /// What is left of it.
    pub data: Value,
}

/// Lists the rest of messages, in no order that says anything.
pub async fn list(
    tx: &TenantTx,
    ctx: &Ctx,
    filter: &Filter,
    page: &PageIn,
) -> Result<Page<(anonymised_message::Model, Rest)>> {
    use anonymised_message::Column;
    let mut rows = tx.find::<anonymised_message::Entity>();
    if let Some(endpoint) = filter.endpoint {
        endpoints::read(tx, endpoint).await?;
        rows = rows.filter(Column::EndpointId.eq(endpoint));
    } else {
        // What an endpoint recorded is unreadable once it is gone.
        let there = endpoints::ids(tx).await?;
        rows = rows.filter(Column::EndpointId.is_in(there));
    }
    if let Some(purpose) = filter.purpose {
        rows = rows.filter(Column::PurposeId.eq(purpose));
    }
    let found = page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await?;
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for row in found.items {
        let plain = keys.tenant.open_value(&context(row.id), &row.sealed)?;
        let rest = serde_json::from_slice(&plain)?;
        items.push((row, rest));
    }
    Ok(Page {
        items,
        next_cursor: found.next_cursor,
    })
}

/// Removes what is left of an endpoint's messages. Answers how many.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, endpoint: EndpointId) -> Result<u64> {
    endpoints::read(tx, endpoint).await?;
    let gone = tx
        .delete_many::<anonymised_message::Entity>()
        .filter(anonymised_message::Column::EndpointId.eq(endpoint))
        .exec(tx.conn())
        .await?
        .rows_affected;
    let event = Event::new("anonymised_messages.deleted")
        .target("endpoint", endpoint)
        .facts(json!({ "count": gone }));
    audit::record(tx, ctx, event).await?;
    Ok(gone)
}
