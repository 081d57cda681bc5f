//! What goes out of classes, counted in the transactions in which it goes. What comes in is counted by the journal.

use entity::class_count;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbBackend, Statement,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{error::Result, tenancy::TenantTx};

/// Where what goes out is counted. What comes in is counted in the shard of the journal that takes it in, 0 or above.
const OUT: i16 = -1;

/// These messages of a class are gone for good.
pub(crate) async fn deleted(tx: &TenantTx, class: i64, messages: u64) -> Result<()> {
    count(tx, class, (messages, 0)).await
}

/// Of these messages of a class only what is anonymous is left.
pub(crate) async fn anonymised(tx: &TenantTx, class: i64, messages: u64) -> Result<()> {
    count(tx, class, (0, messages)).await
}

async fn count(tx: &TenantTx, class: i64, (deleted, anonymised): (u64, u64)) -> Result<()> {
    use class_count::Column;
    if deleted + anonymised == 0 {
        return Ok(());
    }
    let [deleted, anonymised] = [deleted, anonymised].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    let row = class_count::ActiveModel {
        class_id: Set(class),
        shard: Set(OUT),
        ingested: Set(0),
        deleted: Set(deleted),
        anonymised: Set(anonymised),
        ..Default::default()
    };
    let more = |column: Column, count: i64| Expr::col((class_count::Entity, column)).add(count);
    let add_up = OnConflict::columns([class_count::Column::ClassId, class_count::Column::Shard])
        .value(Column::Deleted, more(Column::Deleted, deleted))
        .value(Column::Anonymised, more(Column::Anonymised, anonymised))
        .to_owned();
    tx.upsert(row, add_up).await?;
    Ok(())
}

/// How many messages of a stretch of a class are held and not live.
pub(crate) async fn held_only(tx: &TenantTx, class: i64, first: i64, stop: i64) -> Result<u64> {
    let backend = tx.conn().get_database_backend();
    let [a, b, c] = match backend {
        DbBackend::Postgres => ["$1", "$2", "$3"],
        _ => ["?", "?", "?"],
    };
    let sql = format!(
        "SELECT COUNT(DISTINCT h.message_id) FROM held_message h \
         WHERE h.class_id = {a} AND h.message_id >= {b} AND h.message_id < {c} AND NOT EXISTS \
         (SELECT 1 FROM message m WHERE m.class_id = h.class_id AND m.id = h.message_id)"
    );
    let statement = Statement::from_sql_and_values(backend, sql, [class.into(), first.into(), stop.into()]);
    let held: i64 = match tx.conn().query_one_raw(statement).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    };
    Ok(u64::try_from(held).unwrap_or_default())
}
