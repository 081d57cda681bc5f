//! Legal holds and what they keep; counts per class, so that it can be shown that nothing is missing or left over. What is
//! stored already counts as ingested.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "hold",
                [
                    big("number"),
                    text("name"),
                    text("reason"),
                    text_null("authority"),
                    uuid_null("endpoint_id"),
                    text_null("channel_pattern"),
                    uuid_null("subject_id"),
                    uuid_null("data_type_id"),
                    uuid_null("purpose_id"),
                    time_null("recorded_from"),
                    time_null("recorded_to"),
                    time("starts_at"),
                    time_null("ends_at"),
                    text("review_every"),
                    time("next_review_at"),
                    text("state"),
                    text("placed_by"),
                    big("placed_index"),
                    time("created_at"),
                    time("updated_at"),
                    time_null("lifted_at"),
                    text_null("lifted_by"),
                    text_null("lifted_why"),
                    big_null("lifted_index"),
                    time_null("cleared_at"),
                    big_null("cleared_index"),
                    int("version"),
                ],
            ),
            keyed(
                "held_message",
                &["hold_id", "message_id"],
                [
                    uuid("hold_id"),
                    big("message_id"),
                    uuid("tenant_id"),
                    big("class_id"),
                    uuid("endpoint_id"),
                    text("channel"),
                    big("position"),
                    uuid_null("subject_id"),
                    uuid_null("purpose_id"),
                    small("flags"),
                    int("size"),
                    bytes("sealed"),
                    time("held_at"),
                ],
            ),
            keyed(
                "class_count",
                &["class_id", "shard"],
                [
                    big("class_id"),
                    small("shard"),
                    uuid("tenant_id"),
                    big("ingested"),
                    big("deleted"),
                    big("anonymised"),
                ],
            ),
            owned(
                "balance",
                [
                    big("class_id"),
                    time("at"),
                    big("ingested"),
                    big("live"),
                    big("deleted"),
                    big("anonymised"),
                    big("held"),
                    big("difference"),
                    big("log_index"),
                ],
            ),
        ];
        let indexes = vec![
            index("hold", &["tenant_id", "id"]),
            index("hold", &["state", "next_review_at"]),
            index("held_message", &["class_id", "message_id"]),
            index("held_message", &["message_id"]),
            index("class_count", &["tenant_id"]),
            index("balance", &["tenant_id", "id"]),
            index("balance", &["class_id", "id"]),
        ];
        create(manager, tables, indexes).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Behind the fence that an earlier version put up, its owner sees no rows without a reason.
            let reason = "SET LOCAL weir.reason = 'what is stored is counted for the first time'";
            manager.get_connection().execute_unprepared(reason).await?;
        }
        let stored = "INSERT INTO class_count (class_id, shard, tenant_id, ingested, deleted, anonymised) \
             SELECT class_id, 0, tenant_id, COUNT(*), 0, 0 FROM message GROUP BY class_id, tenant_id";
        manager.get_connection().execute_unprepared(stored).await?;
        Ok(())
    }
}
