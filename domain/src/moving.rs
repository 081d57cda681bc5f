//! Takes everything from one store to another, of whatever engine: rows of all tables in the order of their keys, a
//! thousand at a time. What was taken is not taken again, so a move that was interrupted goes on where it was.
//!
//! The mark of the installation comes last. Until then a server refuses the new store, so nobody writes to half of it.

mod table;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    tenancy::{Engine, Store},
};
use table::Table;

/// How far a move is, within one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// Rows that are there.
    pub done: u64,
    /// Rows that there are to be.
    pub of: u64,
}

/// A table whose rows are not all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} has {there} of {of} rows")]
pub struct Missing {
    /// The table.
    pub table: &'static str,
    /// Rows in the new store.
    pub there: u64,
    /// Rows in the old one.
    pub of: u64,
}

/// Every table of a list, as something that can be copied. Rows that others hang on come first, the mark comes last.
macro_rules! tables {
    ($($name:ident),* $(,)?) => { [$(Table::of::<entity::$name::Entity>()),*] };
}

fn data() -> Vec<Table> {
    Vec::from(tables![
        tenant,
        account,
        class_count,
        channel,
        consent_import,
        consent_import_fault,
        consent_import_part,
        consent_event,
        consent_state,
        data_type,
        dpia,
        purpose,
        notice,
        notice_version,
        endpoint,
        retention_class,
        retention_rule,
        retention_rule_version,
        retention_change,
        hold,
        held_message,
        subject,
        objection,
        correction,
        api_key,
        member,
        invitation,
        sign_in,
        mailed_token,
        idempotency,
        request,
        request_event,
        request_message,
        recipient,
        callback,
        opendsr_key,
        opendsr_request,
        portal_code,
        portal_sign_in,
        export,
        export_part,
        incident,
        incident_notice,
        incident_subject,
        mail,
        report,
        report_schedule,
        webhook,
        webhook_delivery,
        webhook_part,
        webhook_attempt,
        webhook_occupancy,
        lifecycle_event,
        node,
        connection,
        usage_day,
        job,
        audit_event,
        balance,
        log_key,
        log_leaf,
        log_tile,
        log_head,
        log_checkpoint,
        log_witness,
        message,
        anonymised_message,
        store_meta,
    ])
}

fn keys() -> Vec<Table> {
    use entity::vault::{bucket_key, key_page, subject_key, tenant_key, vault_meta};
    // Here the mark comes first: a store of data without one beside keys that have one is refused.
    vec![
        Table::of::<vault_meta::Entity>(),
        Table::of::<key_page::Entity>(),
        Table::of::<tenant_key::Entity>(),
        Table::of::<subject_key::Entity>(),
        Table::of::<bucket_key::Entity>(),
    ]
}

/// Takes the keys along.
///
/// # Errors
/// What a store said, or [`Missing`] when the counts differ in the end.
pub async fn keys_from(from: &Store, to: &Store, tell: &mut (dyn FnMut(Progress) + Send)) -> Result<u64> {
    copy(&keys(), from, to, tell).await
}

/// Takes the data along. After the keys.
///
/// # Errors
/// What a store said, or [`Missing`] when the counts differ in the end.
pub async fn data_from(from: &Store, to: &Store, tell: &mut (dyn FnMut(Progress) + Send)) -> Result<u64> {
    copy(&data(), from, to, tell).await
}

async fn copy(
    tables: &[Table],
    from: &Store,
    to: &Store,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<u64> {
    for name in names(from).await? {
        // Rather nothing than a store that lacks what a later version stored.
        if !tables.iter().any(|table| table.name == name) {
            return Err(Error::internal(anyhow::anyhow!(
                "nobody knows how to move the table {name}"
            )));
        }
    }
    let mut rows = 0;
    for table in tables {
        rows += (table.copy)(from, to, tell).await?;
    }
    Ok(rows)
}

/// The tables that a store has.
async fn names(store: &Store) -> Result<Vec<String>> {
    let tx = store.system_read("everything moves to another store").await?;
    let sql = match store.engine() {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name NOT LIKE '%\\_migrations' ESCAPE '\\'"
        }
        Engine::Postgres => {
            "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
             AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
             AND c.relname NOT LIKE '%\\_migrations'"
        }
    };
    let backend: DbBackend = tx.conn().get_database_backend();
    let rows = tx
        .conn()
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    rows.iter()
        .map(|row| row.try_get_by_index(0).map_err(Into::into))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn every_table_is_on_a_list() {
        let world = World::new().await;
        for (store, tables) in [(&world.ctx.store, data()), (world.ctx.keys.store(), keys())] {
            let mut there = names(store).await.unwrap();
            let mut listed: Vec<_> = tables.iter().map(|table| table.name.to_owned()).collect();
            there.sort();
            listed.sort();
            assert_eq!(there, listed);
        }
    }
}
