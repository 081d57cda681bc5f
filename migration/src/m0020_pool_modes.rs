//! How the sessions of a relay share sockets to its back end. Relays that exist go on as they are: a socket for each.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("endpoint", text("pool_mode").default("session").take()),
            ("endpoint", int("sessions_per_socket").default(100).take()),
        ];
        add(manager, columns).await
    }
}
