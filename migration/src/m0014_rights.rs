//! The clock of requests, what is asked for beyond a kind, and what a person objected to or had corrected. Requests that
//! exist keep the deadline they have.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tenant = [
            text("time_zone").default("UTC").take(),
            text_null("holidays"),
            text("request_approval").default("doubtful").take(),
            flag("four_eyes").default(false).take(),
        ];
        let request = vec![
            text("jurisdiction").default("gdpr").take(),
            time_null("acknowledge_by"),
            time_null("acknowledged_at"),
            time_null("extended_at"),
            text_null("extension_reason"),
            time_null("paused_at"),
            text_null("pause_reason"),
            big("paused_seconds").default(0).take(),
            bytes_null("details_sealed"),
            uuid_null("repeats"),
            text_null("approved_by"),
            time_null("lift_at"),
            time_null("lifted_at"),
            json_null("progress"),
        ];
        add(manager, tenant.map(|column| ("tenant", column))).await?;
        add(manager, request.into_iter().map(|column| ("request", column))).await?;
        let tables = vec![
            keyed(
                "objection",
                &["subject_id", "purpose_id"],
                [
                    uuid("subject_id"),
                    uuid("purpose_id"),
                    uuid("tenant_id"),
                    uuid("request_id"),
                    time("at"),
                ],
            ),
            owned(
                "correction",
                [
                    uuid("subject_id"),
                    uuid("request_id"),
                    time("at"),
                    text("field"),
                    bytes("sealed"),
                ],
            ),
        ];
        let indexes = vec![
            index("objection", &["tenant_id", "purpose_id"]),
            index("correction", &["tenant_id", "subject_id", "id"]),
            index("request", &["state", "due_at"]),
        ];
        create(manager, tables, indexes).await
    }
}
