//! Tells Postgres whose rows a transaction may touch. Row-level security (`migration::fence`) compares each row with
//! `weir.tenant`, or lets all pass where a `weir.reason` is written. Both hold until the transaction ends, so a pooled
//! connection carries nothing from one to the next. SQLite has no such thing, and the types stand alone there.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

use super::TenantScope;

/// From here on the transaction sees the rows of one tenant, and no others.
pub(super) async fn enter_tenant(tx: &DatabaseTransaction, scope: &TenantScope) -> Result<(), DbErr> {
    set(tx, &scope.tenant.0.hyphenated().to_string(), "").await
}

/// From here on the transaction sees the rows of all tenants, for a reason that the server can show
/// (`current_setting('weir.reason')`).
pub(super) async fn enter_all(tx: &DatabaseTransaction, reason: &str) -> Result<(), DbErr> {
    set(tx, "", reason).await
}

async fn set(tx: &DatabaseTransaction, tenant: &str, reason: &str) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(());
    }
    let sql = "SELECT set_config('weir.tenant', $1, true), set_config('weir.reason', $2, true)";
    let statement = Statement::from_sql_and_values(backend, sql, [tenant.into(), reason.into()]);
    tx.execute_raw(statement).await.map(drop)
}
