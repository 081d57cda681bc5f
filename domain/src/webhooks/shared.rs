//! Where several processes hold sockets: who of them tells what. Each process holds goings back by itself, and meanwhile
//! whoever left may have come back to another one. The rows of occupancy, which all share, say what was told of, by whom and since when.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{
    id::{EndpointId, TenantId},
    webhook_occupancy::{self, Column},
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect, sea_query::Expr};

use super::{events::Happening, hooks::Happened, round::occupancy_id};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    keys::TenantKeys,
};

/// Rows in one query.
const AT_ONCE: usize = 500;

/// Somebody who is here: on a channel at all, or as this member.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointId,
    pub(super) channel: Arc<str>,
    pub(super) user: Option<Box<str>>,
}

/// What was told of, by whom, and since when.
#[derive(Debug, Default)]
pub(super) struct Standing {
    told: HashMap<Vec<u8>, (String, DateTime<Utc>)>,
}

fn id_of(keys: &TenantKeys, event: &Happened) -> Option<(Vec<u8>, bool)> {
    let (user, comes) = match &event.what {
        Happening::Occupied => (None, true),
        Happening::Vacated => (None, false),
        Happening::MemberAdded { user } => (Some(&**user), true),
        Happening::MemberRemoved { user } => (Some(&**user), false),
        _ => return None,
    };
    Some((occupancy_id(keys, event.endpoint, &event.channel, user), comes))
}

impl Standing {
    /// Reads it, where there are other processes.
    pub(super) async fn of(ctx: &Ctx, keys: &TenantKeys, events: &[Happened]) -> Result<Self> {
        let mut told = HashMap::new();
        if !ctx.changes.are_heard() {
            return Ok(Self { told });
        }
        let ids: Vec<Vec<u8>> = events
            .iter()
            .filter_map(|event| id_of(keys, event).map(|(id, _)| id))
            .collect();
        let tx = ctx
            .store
            .system_read("which process tells what of all tenants' channels")
            .await?;
        for some in ids.chunks(AT_ONCE) {
            let rows: Vec<(Vec<u8>, String, DateTime<Utc>)> = tx
                .find::<webhook_occupancy::Entity>()
                .select_only()
                .columns([Column::Id, Column::Node, Column::At])
                .filter(Column::Id.is_in(some.iter().cloned()))
                .into_tuple()
                .all(tx.conn())
                .await?;
            told.extend(rows.into_iter().map(|(id, node, at)| (id, (node, at))));
        }
        Ok(Self { told })
    }

    /// What to do with an event of this process.
    pub(super) fn judge(&mut self, keys: &TenantKeys, event: &Happened, node: &str) -> Verdict {
        let Some((id, comes)) = id_of(keys, event) else {
            return Verdict::Tell;
        };
        if comes {
            return match self.told.get(&id) {
                Some(_) => Verdict::Hold,
                None => Verdict::Tell,
            };
        }
        match self.told.remove(&id) {
            // They left here, and came to another one before this was due.
            Some((other, at)) if other != node && at > event.at => {
                self.told.insert(id, (other, at));
                Verdict::Drop
            }
            _ => Verdict::Tell,
        }
    }
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Tell it.
    Tell,
    /// It was told of already: from now on this process tells of the end.
    Hold,
    /// It is not true any more.
    Drop,
}

/// From now on this process tells of the end of what is here, whoever told of the beginning.
pub(super) async fn keep(ctx: &Ctx, kept: &[Kept], node: &str) -> Result<()> {
    let mut ids = Vec::with_capacity(kept.len());
    for one in kept {
        match ctx.keys.tenant(one.tenant).await {
            Ok(keys) => ids.push(occupancy_id(
                &keys,
                one.endpoint,
                &one.channel,
                one.user.as_deref(),
            )),
            Err(Error::Gone { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    for some in ids.chunks(AT_ONCE) {
        let tx = ctx
            .store
            .system("a process tells of the end of what another one began")
            .await?;
        tx.update_many::<webhook_occupancy::Entity>()
            .col_expr(Column::Node, Expr::value(node))
            .col_expr(Column::At, Expr::value(ctx.now()))
            .filter(Column::Id.is_in(some.iter().cloned()))
            .filter(Column::Node.ne(node))
            .exec(tx.conn())
            .await?;
        tx.save().await?;
    }
    Ok(())
}
