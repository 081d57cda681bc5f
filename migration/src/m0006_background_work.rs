//! Jobs, the outbox of mails, remembered answers.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "job",
                [
                    text("kind"),
                    json("payload"),
                    text("state"),
                    int("attempts"),
                    time("run_at"),
                    text_null("locked_by"),
                    time_null("locked_until"),
                    text_null("last_error"),
                    time("created_at"),
                    time_null("finished_at"),
                ],
            ),
            owned(
                "mail",
                [
                    text("template"),
                    text("language"),
                    bytes_null("sealed"),
                    text("state"),
                    int("attempts"),
                    time("next_attempt_at"),
                    time_null("locked_until"),
                    text_null("last_error"),
                    time("created_at"),
                    time_null("sent_at"),
                ],
            ),
            owned(
                "idempotency",
                [
                    bytes("key_hash"),
                    bytes("body_hash"),
                    small_null("status"),
                    bytes_null("answer_sealed"),
                    time("created_at"),
                    time("expires_at"),
                ],
            ),
        ];
        let indexes = vec![
            index("job", &["state", "run_at"]),
            index("job", &["tenant_id", "id"]),
            index("mail", &["state", "next_attempt_at"]),
            unique("idempotency", &["tenant_id", "key_hash"]),
            index("idempotency", &["expires_at"]),
        ];
        create(manager, tables, indexes).await
    }
}
