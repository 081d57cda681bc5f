//! What was applied to a store, whoever did it.

#![expect(clippy::disallowed_types, reason = "migrations work on the connection itself")]

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection};

/// The names of the migrations that were applied, in their order, known to this program or not. Changes nothing.
///
/// # Errors
/// What the store said.
pub async fn applied<M: MigratorTrait>(store: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let table = M::migration_table_name();
    if !SchemaManager::new(store).has_table(table.to_string()).await? {
        return Ok(Vec::new());
    }
    let version = Alias::new("version");
    let names = Query::select()
        .column(version.clone())
        .from(table)
        .order_by(version, Order::Asc)
        .to_owned();
    let rows = store.query_all(&names).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
