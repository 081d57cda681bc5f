//! Connections whose process is gone.

use entity::{
    connection::{self, Column},
    id::ConnectionId,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, QueryFilter, QueryOrder, QuerySelect, Set};

use crate::{ctx::Ctx, error::Result, webhooks::sessions::Listeners};

/// Rows in one transaction.
const BATCH: u64 = 500;

/// Records as closed what a node had open (1006: it ended without a word), and tells of each once, whoever else does the
/// same at the same time. Answers how many there were.
pub async fn close_left_open(ctx: &Ctx, node: &str, reason: &str) -> Result<u64> {
    let mut total = 0;
    loop {
        let view = ctx
            .store
            .system_read("what a node of all tenants' sockets left open is closed")
            .await?;
        let open = view
            .find::<connection::Entity>()
            .filter(Column::Node.eq(node))
            .filter(Column::ClosedAt.is_null())
            .order_by_asc(Column::Id)
            .limit(BATCH)
            .all(view.conn())
            .await?;
        drop(view);
        if open.is_empty() {
            return Ok(total);
        }
        let listeners = Listeners::of(ctx, &open).await?;
        let tx = ctx
            .store
            .system("what a node of all tenants' sockets left open is closed")
            .await?;
        let mut still = tx
            .find::<connection::Entity>()
            .filter(Column::Id.is_in(open.iter().map(|row| row.id)))
            .filter(Column::ClosedAt.is_null());
        if tx.conn().get_database_backend() == DbBackend::Postgres {
            still = still.lock_exclusive();
        }
        let mut rows = still.all(tx.conn()).await?;
        let (now, ids): (_, Vec<ConnectionId>) = (ctx.now(), rows.iter().map(|row| row.id).collect());
        for row in &mut rows {
            row.closed_at = Some(now);
            row.close_code = Some(1006);
            row.close_reason = Some(reason.to_owned());
        }
        tx.update_many::<connection::Entity>()
            .set(connection::ActiveModel {
                closed_at: Set(Some(now)),
                close_code: Set(Some(1006)),
                close_reason: Set(Some(reason.to_owned())),
                ..Default::default()
            })
            .filter(Column::Id.is_in(ids.iter().copied()))
            .exec(tx.conn())
            .await?;
        let before = ids.into_iter().map(|id| (id, false)).collect();
        listeners.tell(ctx, &tx, &rows, &before).await?;
        tx.save().await?;
        total += rows.len() as u64;
    }
}
