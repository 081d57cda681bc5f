//! Letters between privacy officers and persons about requests.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![owned(
            "request_message",
            [
                uuid("request_id"),
                time("at"),
                text("author"),
                bytes("sealed"),
                time_null("seen_at"),
            ],
        )];
        let indexes = vec![index("request_message", &["request_id", "id"])];
        create(manager, tables, indexes).await
    }
}
