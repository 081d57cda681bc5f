//! Requests that come in through OpenDSR, and the key that answers to them are signed with.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let trust = text("opendsr_trust").default("closed").take();
        add(manager, [("tenant", trust)]).await?;
        let tables = vec![
            keyed(
                "opendsr_request",
                &["tenant_id", "subject_request_id"],
                [
                    uuid("tenant_id"),
                    uuid("subject_request_id"),
                    uuid("request_id"),
                    text("regulation"),
                    text("api_version"),
                    time("submitted_at"),
                    time("received_at"),
                    json("callback_urls"),
                    time_null("cancelled_at"),
                ],
            ),
            keyed(
                "opendsr_key",
                &["tenant_id"],
                [
                    uuid("tenant_id"),
                    text("domain"),
                    text("certificate"),
                    bytes("key_sealed"),
                    time("created_at"),
                ],
            ),
        ];
        let indexes = vec![index("opendsr_request", &["tenant_id", "request_id"])];
        create(manager, tables, indexes).await
    }
}
