//! Connections on their way into the store: many in one statement.

use entity::{
    connection::{self, Column},
    subject,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, Value,
    sea_query::{Expr, Query},
};

use crate::{
    ctx::Ctx, error::Result, inserts::Insert, subjects, tenancy::SystemTx, webhooks::sessions::Listeners,
};

/// Connections to be written down.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<connection::Model>,
    /// Those among them whose first record knew no person.
    pub(super) named_late: Vec<connection::Model>,
}

/// The statement that writes records.
pub(super) fn statement(backend: DbBackend) -> Insert {
    Insert::new(
        backend,
        "INSERT INTO connection (id, tenant_id, endpoint_id, subject_id, node, address, opened_at, authenticated_at, \
         last_activity_at, closed_at, close_code, close_reason, bytes_in, bytes_out, messages_in, messages_out)",
        16,
        // Not the person: an erasure may have taken them out of the row meanwhile. See `name`. Whoever ended it first has the
        // last word: when this process was taken for dead, others did.
        " ON CONFLICT (id) DO UPDATE SET last_activity_at = excluded.last_activity_at, closed_at = excluded.closed_at, \
         close_code = excluded.close_code, close_reason = excluded.close_reason, \
         bytes_in = excluded.bytes_in, bytes_out = excluded.bytes_out, \
         messages_in = excluded.messages_in, messages_out = excluded.messages_out \
         WHERE connection.closed_at IS NULL",
    )
}

/// Writes records down, and tells webhooks what is new about them.
pub(super) async fn write(ctx: &Ctx, insert: &Insert, batch: &Batch) -> Result<()> {
    let rows = &batch.rows;
    let mut values: Vec<Value> = Vec::with_capacity(rows.len() * 16);
    for row in rows {
        // Of somebody who was erased before the first record was written, no record names them.
        let gone = row.subject_id.is_some_and(|subject| {
            ctx.standings
                .get(subject)
                .is_some_and(|standing| standing.is_gone())
        });
        values.extend([
            row.id.into(),
            row.tenant_id.into(),
            row.endpoint_id.into(),
            row.subject_id.filter(|_| !gone).map(|subject| subject.0).into(),
            row.node.clone().into(),
            row.address.clone().filter(|_| !gone).into(),
            row.opened_at.into(),
            row.authenticated_at.into(),
            row.last_activity_at.into(),
            row.closed_at.into(),
            row.close_code.into(),
            row.close_reason.clone().into(),
            row.bytes_in.into(),
            row.bytes_out.into(),
            row.messages_in.into(),
            row.messages_out.into(),
        ]);
    }
    let listeners = Listeners::of(ctx, rows).await?;
    let tx = ctx
        .store
        .system("connections of all tenants are recorded")
        .await?;
    let before = listeners.recorded(&tx, rows).await?;
    for statement in insert.statements(values) {
        tx.conn().execute_raw(statement).await?;
    }
    for row in &batch.named_late {
        name(&tx, row).await?;
    }
    listeners.tell(ctx, &tx, rows, &before).await?;
    let there: Vec<_> = rows.iter().filter_map(|row| row.subject_id).collect();
    subjects::seen(&tx, &there, ctx.now()).await?;
    tx.save().await?;
    Ok(())
}

/// Adds to a record whose it is, unless that person was erased since.
async fn name(tx: &SystemTx, row: &connection::Model) -> Result<()> {
    let is_there = Query::select()
        .expr(Expr::val(1))
        .from(subject::Entity)
        .and_where(subject::Column::Id.eq(row.subject_id))
        .to_owned();
    let mut update = Query::update();
    update
        .table(connection::Entity)
        .value(Column::SubjectId, row.subject_id.map(|subject| subject.0))
        .value(Column::AuthenticatedAt, row.authenticated_at)
        .and_where(Column::Id.eq(row.id))
        .and_where(Column::AuthenticatedAt.is_null())
        .and_where(Expr::exists(is_there));
    tx.conn().execute(&update).await?;
    Ok(())
}
