//! Tenancy as types. The [`Store`] owns the connections and hands out nothing but transactions on one tenant
//! ([`TenantTx`]), opened with a [`TenantScope`] that only authentication or a job can make. Work across tenants needs
//! a [`SystemTx`] and a written reason. The methods of SeaORM that go around this are banned by `clippy.toml`. On Postgres
//! row-level security says the same once more.

mod fence;
mod folding;
mod scope;
mod store;
mod system_tx;
mod tenant_tx;

pub use scope::{Actor, TenantScope};
pub use store::{Engine, Store, StoreSettings};
pub use system_tx::SystemTx;
pub use tenant_tx::{TenantTx, expect_version};

use sea_orm::{DbErr, EntityTrait, SqlErr};

use crate::error::Error;

/// A table that is nobody's in particular, and that a transaction on one tenant may still touch: whoever does must say
/// in the filter which row is meant.
pub(crate) trait Shared: EntityTrait {}

impl Shared for entity::account::Entity {}
impl Shared for entity::mailed_token::Entity {}
impl Shared for entity::store_meta::Entity {}
impl Shared for entity::tenant::Entity {}

/// Turns the violation of a unique index into a conflict at a field; any other error stays what it is.
/// `index` lists `table.column` pairs as SQLite names them and the index's name as Postgres does.
pub fn on_conflict(error: DbErr, table: &str, column: &str, field: &'static str) -> Error {
    if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err()
        && (message.contains(&format!("{table}.{column}")) || message.contains(&format!("{table}_")))
        && message.contains(column)
    {
        return Error::taken(field);
    }
    error.into()
}
