//! Row-level security on Postgres: every table with rows of tenants is fenced, for its owner too, and the role that the
//! server runs as may read and write rows and nothing else. Not a migration: it goes by what tables there are, so a table
//! of a later migration is fenced without anybody having to remember it.
//!
//! `weir.tenant` and `weir.reason` are set by `domain::tenancy` at the beginning of each transaction. Where neither is
//! set, no row is seen and none can be written. See <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>.

#![expect(
    clippy::disallowed_types,
    reason = "fences are put up on the connection itself"
)]

use sea_orm_migration::{
    prelude::*,
    sea_orm::{
        AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement, TransactionTrait,
    },
};

/// Tables with rows of tenants: those with a `tenant_id`, and the tenants themselves. Partitions are behind their parent's
/// fence, and nobody but the owner may name them.
const TABLES: &str = "
    SELECT quote_ident(c.relname) AS name,
           c.relname IN ('seaql_migrations', 'vault_migrations') AS is_list,
           CASE WHEN c.relname = 'tenant' THEN 'id' ELSE a.attname::text END AS tenant,
           c.relrowsecurity AND c.relforcerowsecurity AND (
               SELECT count(*) = 2 FROM pg_policy p
               WHERE p.polrelid = c.oid AND p.polname IN ('of_tenant', 'across_tenants')
           ) AS is_fenced
    FROM pg_class c
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
      AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname";

struct Table {
    name: String,
    /// The list of migrations.
    is_list: bool,
    /// The column that says whose a row is.
    tenant: Option<String>,
    is_fenced: bool,
}

impl Table {
    fn of(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            name: row.try_get("", "name")?,
            is_list: row.try_get("", "is_list")?,
            tenant: row.try_get("", "tenant")?,
            is_fenced: row.try_get("", "is_fenced")?,
        })
    }
}

async fn tables(store: &impl ConnectionTrait) -> Result<Vec<Table>, DbErr> {
    let rows = store
        .query_all_raw(Statement::from_string(DbBackend::Postgres, TABLES))
        .await?;
    rows.iter().map(Table::of).collect()
}

/// Tables with rows of tenants that have no fence. None on SQLite.
///
/// # Errors
/// What the store said.
pub async fn unfenced(store: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    if store.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let open = tables(store)
        .await?
        .into_iter()
        .filter(|table| table.tenant.is_some() && !table.is_fenced);
    Ok(open.map(|table| table.name).collect())
}

/// Fences every table, and lets `role` read and write rows. Run by the owner of the tables. Nothing is locked when there is
/// nothing to change.
///
/// # Errors
/// What the store said.
pub async fn fence(owner: &DatabaseConnection, role: &str) -> Result<(), DbErr> {
    if owner.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let tx = owner.begin_with_config(None, Some(AccessMode::ReadWrite)).await?;
    let role = quoted(role);
    tx.execute_unprepared(&format!(
        "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema()); END $$"
    ))
    .await?;
    for table in tables(&tx).await? {
        let name = &table.name;
        if table.is_list {
            tx.execute_unprepared(&format!("GRANT SELECT ON {name} TO {role}"))
                .await?;
            continue;
        }
        tx.execute_unprepared(&format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {role}"
        ))
        .await?;
        let Some(tenant) = table.tenant.filter(|_| !table.is_fenced) else {
            continue;
        };
        // In a sub-select the setting is read once a statement, not once a row.
        tx.execute_unprepared(&format!(
            "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
             ALTER TABLE {name} FORCE ROW LEVEL SECURITY;
             DROP POLICY IF EXISTS of_tenant ON {name};
             DROP POLICY IF EXISTS across_tenants ON {name};
             CREATE POLICY of_tenant ON {name}
                 USING ({tenant} = (SELECT nullif(current_setting('weir.tenant', true), '')::uuid));
             CREATE POLICY across_tenants ON {name}
                 USING ((SELECT current_setting('weir.reason', true)) <> '')"
        ))
        .await?;
    }
    tx.commit().await
}

/// A name as SQL wants it where letters and signs of any kind may be in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_role_cannot_break_out_of_its_name() {
        assert_eq!(quoted("weir"), "\"weir\"");
        assert_eq!(quoted("we\"ir; DROP"), "\"we\"\"ir; DROP\"");
    }
}
