//! Links beside the codes of the privacy page; who was told of a person by a webhook; what recipients were told to do about
//! it (GDPR Art. 19), and whether they said that they did.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column at a time: SQLite takes no more in one statement.
        for mut column in [bytes_null("link_hash"), bytes_null("address_sealed")] {
            let alter = Table::alter().table("portal_code").add_column(&mut column).take();
            manager.alter_table(alter).await?;
        }
        let tables = vec![
            keyed(
                "recipient",
                &["webhook_id", "subject_id"],
                [
                    uuid("webhook_id"),
                    uuid("subject_id"),
                    uuid("tenant_id"),
                    uuid("endpoint_id"),
                    text_null("host"),
                    big("events"),
                    time("first_at"),
                    time("last_at"),
                ],
            ),
            owned(
                "callback",
                [
                    text("act"),
                    uuid_null("request_id"),
                    uuid_null("subject_id"),
                    uuid("webhook_id"),
                    uuid("endpoint_id"),
                    uuid("delivery_id"),
                    text_null("host"),
                    time("created_at"),
                    bytes("token_hash"),
                    time_null("delivered_at"),
                    time_null("acknowledged_at"),
                    text_null("acknowledged_by"),
                    text_null("note"),
                ],
            ),
        ];
        let indexes = vec![
            index("portal_code", &["tenant_id", "link_hash"]),
            index("recipient", &["tenant_id", "subject_id"]),
            index("callback", &["tenant_id", "request_id"]),
            index("callback", &["tenant_id", "subject_id"]),
            index("callback", &["tenant_id", "acknowledged_at", "id"]),
            unique("callback", &["token_hash"]),
        ];
        create(manager, tables, indexes).await
    }
}
