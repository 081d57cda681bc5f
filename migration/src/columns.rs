//! The few kinds of column that the tables are made of.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

fn column(name: &'static str, nullable: bool, kind: impl FnOnce(&mut ColumnDef)) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    kind(&mut column);
    if !nullable {
        column.not_null();
    }
    column
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident, $optional:ident => $method:ident;)*) => { $(
        $(#[$doc])*
        #[allow(dead_code, clippy::allow_attributes, reason = "the set is whole, whatever the newest migration needs")]
        pub(crate) fn $name(name: &'static str) -> ColumnDef {
            column(name, false, |c| { c.$method(); })
        }

        #[allow(dead_code, clippy::allow_attributes, reason = "the set is whole, whatever the newest migration needs")]
        pub(crate) fn $optional(name: &'static str) -> ColumnDef {
            column(name, true, |c| { c.$method(); })
        }
    )* };
}

kinds! {
    /// A typed id.
    uuid, uuid_null => uuid;
    /// Text of any length.
    text, text_null => text;
    /// 32 bits.
    int, int_null => integer;
    /// 16 bits.
    small, small_null => small_integer;
    /// 64 bits.
    big, big_null => big_integer;
    /// Hashes and sealed values.
    bytes, bytes_null => blob;
    /// JSON.
    json, json_null => json_binary;
    /// A point in time.
    time, time_null => timestamp_with_time_zone;
    /// A calendar day.
    day, day_null => date;
    /// Yes or no.
    flag, flag_null => boolean;
}

/// A table of rows with a UUID of their own.
pub(crate) fn table(
    name: &'static str,
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name).col(uuid("id").primary_key());
    for mut column in columns {
        table.col(&mut column);
    }
    table
}

/// A table of a tenant's rows with a UUID of their own.
pub(crate) fn owned(
    name: &'static str,
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = table(name, std::iter::once(uuid("tenant_id")).chain(columns));
    table.foreign_key(&mut references(name, "tenant_id", "tenant"));
    table
}

/// A table with a key of several columns.
pub(crate) fn keyed(
    name: &'static str,
    key: &[&'static str],
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for mut column in columns {
        table.col(&mut column);
    }
    let mut primary = Index::create();
    for column in key {
        primary.col(*column);
    }
    table.primary_key(&mut primary);
    table
}

/// Rows stored in the order of their primary key, where the engine offers that.
pub(crate) fn clustered(mut table: TableCreateStatement, backend: DbBackend) -> TableCreateStatement {
    if backend == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    table
}

/// `column` names a row of `target`, and goes when that row goes.
fn references(table: &'static str, column: &'static str, target: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(target, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

pub(crate) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

/// Its name, `{table}_{columns}_key`, is what `domain::tenancy::on_conflict` looks for.
pub(crate) fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = index(table, columns);
    index.name(format!("{table}_{}_key", columns.join("_"))).unique();
    index
}

/// Adds columns to tables that are there, one at a time: SQLite takes no more in one statement.
pub(crate) async fn add(
    manager: &SchemaManager<'_>,
    columns: impl IntoIterator<Item = (&'static str, ColumnDef)>,
) -> Result<(), DbErr> {
    for (table, mut column) in columns {
        let alter = Table::alter().table(table).add_column(&mut column).take();
        manager.alter_table(alter).await?;
    }
    Ok(())
}

/// Creates tables, then indexes.
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    tables: Vec<TableCreateStatement>,
    indexes: Vec<IndexCreateStatement>,
) -> Result<(), DbErr> {
    for table in tables {
        manager.create_table(table).await?;
    }
    for index in indexes {
        manager.create_index(index).await?;
    }
    Ok(())
}
