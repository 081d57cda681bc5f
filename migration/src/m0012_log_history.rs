//! What a log has signed, so that consistency between two dates can be shown; and the keys it signed with.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            keyed(
                "log_checkpoint",
                &["tenant_id", "size"],
                [
                    uuid("tenant_id"),
                    big("size"),
                    text("checkpoint"),
                    time("signed_at"),
                    flag("kept"),
                ],
            ),
            keyed(
                "log_key",
                &["tenant_id", "number"],
                [
                    uuid("tenant_id"),
                    int("number"),
                    text("verifier_key"),
                    big("from_size"),
                    time("from_at"),
                ],
            ),
        ];
        let indexes = vec![index("log_checkpoint", &["tenant_id", "signed_at"])];
        create(manager, tables, indexes).await
    }
}
