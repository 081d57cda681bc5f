//! What the pool of a relay was told to do, so that every node does it, and those that come later.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("endpoint", text("pool_state").default("open").take()),
            ("endpoint", int("pool_generation").default(0).take()),
        ];
        add(manager, columns).await
    }
}
