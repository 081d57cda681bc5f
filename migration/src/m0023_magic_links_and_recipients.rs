//! Links beside the codes of the privacy page; who was told of a person by a webhook; what recipients were told to do about
//! it (GDPR Art. 19), and whether they said that they did.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = ["link_hash", "address_sealed"].map(|name| ("portal_code", bytes_null(name)));
        add(manager, columns).await?;
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
