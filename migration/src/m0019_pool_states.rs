//! What the pool of a relay was told to do, so that every node does it, and those that come later.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            text("pool_state").default("open").take(),
            int("pool_generation").default(0).take(),
        ];
        // One at a time: SQLite takes no more in one statement.
        for mut column in columns {
            let alter = Table::alter().table("endpoint").add_column(&mut column).take();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
