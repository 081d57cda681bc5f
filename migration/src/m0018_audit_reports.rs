//! Audit reports, and when the next is due.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "report",
                [
                    time("from_at"),
                    time("to_at"),
                    bytes("sealed"),
                    bytes("sha256"),
                    int("high"),
                    int("medium"),
                    int("low"),
                    flag("adheres"),
                    uuid_null("previous_id"),
                    big("audit_index"),
                    time("created_at"),
                ],
            ),
            keyed(
                "report_schedule",
                &["tenant_id"],
                [
                    uuid("tenant_id"),
                    text("every"),
                    flag("enabled"),
                    time("next_at"),
                    int("version"),
                ],
            ),
        ];
        let indexes = vec![
            index("report", &["tenant_id", "id"]),
            index("report_schedule", &["next_at"]),
        ];
        create(manager, tables, indexes).await
    }
}
