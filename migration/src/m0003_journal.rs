//! The journal: channels, retention classes, messages, connections, usage.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        // No foreign keys on messages: they would cost every insert, and rows go by range, not by cascade.
        let message = keyed(
            "message",
            &["class_id", "id"],
            [
                big("class_id"),
                big("id"),
                uuid("tenant_id"),
                big("channel_id"),
                big("position"),
                uuid_null("subject_id"),
                big("bucket_id"),
                small("flags"),
                int("size"),
                bytes("sealed"),
            ],
        );
        let tables = vec![
            keyed(
                "channel",
                &["id"],
                [
                    big("id"),
                    uuid("tenant_id"),
                    uuid("endpoint_id"),
                    text("name"),
                    text("epoch"),
                    big("last_offset"),
                    time("created_at"),
                ],
            ),
            keyed(
                "retention_class",
                &["id"],
                [
                    big("id"),
                    uuid("tenant_id"),
                    uuid("endpoint_id"),
                    uuid_null("purpose_id"),
                    json("data_types"),
                    text_null("channel_pattern"),
                    text("signature"),
                    time("created_at"),
                ],
            ),
            clustered(message, backend),
            owned(
                "connection",
                [
                    uuid("endpoint_id"),
                    uuid_null("subject_id"),
                    text("node"),
                    text_null("address"),
                    time("opened_at"),
                    time_null("authenticated_at"),
                    time("last_activity_at"),
                    time_null("closed_at"),
                    int_null("close_code"),
                    text_null("close_reason"),
                    big("bytes_in"),
                    big("bytes_out"),
                    big("messages_in"),
                    big("messages_out"),
                ],
            ),
            keyed(
                "usage_day",
                &["tenant_id", "day"],
                [
                    uuid("tenant_id"),
                    day("day"),
                    big("messages"),
                    big("bytes"),
                    big("connections"),
                ],
            ),
        ];
        let indexes = vec![
            unique("channel", &["endpoint_id", "name"]),
            unique("retention_class", &["tenant_id", "signature"]),
            index("message", &["channel_id", "position"]),
            index("message", &["subject_id", "id"]),
            index("connection", &["tenant_id", "id"]),
            index("connection", &["tenant_id", "closed_at"]),
            index("connection", &["subject_id"]),
        ];
        create(manager, tables, indexes).await
    }
}
