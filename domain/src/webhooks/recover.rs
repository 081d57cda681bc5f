//! What a process leaves behind that died: channels that nobody is on any more, members who are gone.

use std::sync::Arc;

use entity::{
    id::{SubjectId, TenantId},
    webhook_occupancy, webhook_part,
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{events::Happening, hooks::Happened, round};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    ids::MessageId,
    keys::SubjectKeyName,
};

/// Rows in one go.
const BATCH: u64 = 500;

/// Message ids make keys unique, so none that sealed a part may come again.
pub(super) async fn skip_ids(ctx: &Ctx) -> Result<()> {
    let tx = ctx
        .store
        .system_read("a message id of any tenant must not be used twice")
        .await?;
    let newest: Option<Option<i64>> = tx
        .find::<webhook_part::Entity>()
        .select_only()
        .column_as(webhook_part::Column::MessageId.max(), "newest")
        .into_tuple()
        .one(tx.conn())
        .await?;
    if let Some(newest) = newest.flatten() {
        ctx.ids.skip_messages_to(MessageId(newest));
    }
    Ok(())
}

/// Rows of a node behind this one, in their order.
async fn page(ctx: &Ctx, node: &str, after: &[u8]) -> Result<Vec<webhook_occupancy::Model>> {
    let tx = ctx
        .store
        .system_read("what a node of all tenants' had begun is ended")
        .await?;
    let rows = tx
        .find::<webhook_occupancy::Entity>()
        .filter(webhook_occupancy::Column::Node.eq(node))
        .filter(webhook_occupancy::Column::Id.gt(after.to_vec()))
        .order_by_asc(webhook_occupancy::Column::Id)
        .limit(BATCH)
        .all(tx.conn())
        .await?;
    Ok(rows)
}

/// What an earlier process of this node had told of, as having ended now.
pub(super) async fn left_behind(ctx: &Ctx, node: &str) -> Result<Vec<Happened>> {
    let mut left = Vec::new();
    let mut after: Vec<u8> = Vec::new();
    loop {
        let rows = page(ctx, node, &after).await?;
        let Some(last) = rows.last() else {
            return Ok(left);
        };
        after.clone_from(&last.id);
        for row in rows {
            left.extend(ended(ctx, row).await?);
        }
    }
}

/// Tells of what a node that died left behind. Answers how many ends.
pub(crate) async fn end_of_node(ctx: &Ctx, node: &str) -> Result<u64> {
    let mut told = 0;
    loop {
        // Always from the beginning: what was told is gone.
        let rows = page(ctx, node, &[]).await?;
        if rows.is_empty() {
            return Ok(told);
        }
        let ids: Vec<Vec<u8>> = rows.iter().map(|row| row.id.clone()).collect();
        let mut left = Vec::new();
        for row in rows {
            left.extend(ended(ctx, row).await?);
        }
        told += left.len() as u64;
        let round = round::round(ctx, left, node).await?;
        let tx = ctx
            .store
            .system("webhooks of all tenants are told what a dead node left behind")
            .await?;
        round.write(&tx, node, ctx.now()).await?;
        // Those too that nobody can be told of any more: of tenants that are gone, of persons who were erased.
        tx.delete_many::<webhook_occupancy::Entity>()
            .filter(webhook_occupancy::Column::Id.is_in(ids))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
    }
}

async fn ended(ctx: &Ctx, row: webhook_occupancy::Model) -> Result<Option<Happened>> {
    let what = match (row.subject_id, &row.user_sealed) {
        (None, _) => Happening::Vacated,
        (Some(subject), Some(sealed)) => match user(ctx, row.tenant_id, subject, sealed).await {
            Ok(Some(user)) => Happening::MemberRemoved { user },
            // Whoever was erased left no row; this one came too late and says nothing.
            Ok(None) | Err(Error::Gone { .. }) => return Ok(None),
            Err(error) => return Err(error),
        },
        (Some(_), None) => return Ok(None),
    };
    Ok(Some(Happened {
        tenant: row.tenant_id,
        endpoint: row.endpoint_id,
        channel: Arc::from(row.channel),
        what,
        at: ctx.now(),
    }))
}

async fn user(ctx: &Ctx, tenant: TenantId, subject: SubjectId, sealed: &[u8]) -> Result<Option<Box<str>>> {
    let name = SubjectKeyName::for_record(tenant, subject);
    let Some(key) = ctx.keys.subject(name).await? else {
        return Ok(None);
    };
    let user = key.open_value(&round::user_context(subject), sealed)?;
    let user = String::from_utf8(user).map_err(Error::internal)?;
    Ok(Some(user.into_boxed_str()))
}
