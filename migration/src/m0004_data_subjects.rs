//! Persons, their consents and their requests.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "subject",
                [
                    bytes("external_index"),
                    bytes("external_sealed"),
                    bytes_null("email_index"),
                    bytes_null("email_sealed"),
                    time_null("restricted_at"),
                    time("created_at"),
                    time_null("last_seen_at"),
                    int("version"),
                ],
            ),
            owned(
                "consent_event",
                [
                    uuid("subject_id"),
                    uuid("purpose_id"),
                    text("state"),
                    uuid_null("notice_version_id"),
                    text("method"),
                    bytes_null("evidence_sealed"),
                    time("at"),
                    time("recorded_at"),
                    big("audit_index"),
                ],
            ),
            keyed(
                "consent_state",
                &["subject_id", "purpose_id"],
                [
                    uuid("subject_id"),
                    uuid("purpose_id"),
                    uuid("tenant_id"),
                    text("state"),
                    uuid("event_id"),
                    time("at"),
                ],
            ),
            owned(
                "request",
                [
                    text("kind"),
                    text("state"),
                    text("origin"),
                    uuid_null("subject_id"),
                    bytes_null("email_index"),
                    bytes_null("email_sealed"),
                    time("received_at"),
                    time("due_at"),
                    time_null("verified_at"),
                    time_null("completed_at"),
                    text_null("refusal_code"),
                    text_null("refusal_text"),
                    json_null("result"),
                    uuid_null("export_id"),
                    big_null("audit_index"),
                    int("version"),
                ],
            ),
            owned(
                "request_event",
                [
                    uuid("request_id"),
                    time("at"),
                    text_null("from_state"),
                    text("to_state"),
                    text("actor"),
                    text_null("note"),
                ],
            ),
            owned(
                "portal_code",
                [
                    bytes("email_index"),
                    bytes("code_hash"),
                    int("attempts"),
                    time("created_at"),
                    time("expires_at"),
                    time_null("used_at"),
                ],
            ),
            owned(
                "portal_sign_in",
                [
                    bytes("email_index"),
                    bytes("email_sealed"),
                    bytes("token_hash"),
                    time("created_at"),
                    time("expires_at"),
                ],
            ),
            owned(
                "export",
                [
                    uuid("request_id"),
                    uuid_null("subject_id"),
                    big("size"),
                    bytes("sha256"),
                    int("parts"),
                    int("downloads"),
                    time("created_at"),
                    time("expires_at"),
                ],
            ),
            keyed(
                "export_part",
                &["export_id", "number"],
                [
                    uuid("export_id"),
                    int("number"),
                    uuid("tenant_id"),
                    bytes("sealed"),
                ],
            ),
        ];
        let indexes = vec![
            unique("subject", &["tenant_id", "external_index"]),
            index("subject", &["tenant_id", "email_index"]),
            index("subject", &["tenant_id", "id"]),
            index("consent_event", &["tenant_id", "subject_id", "id"]),
            index("consent_state", &["tenant_id", "purpose_id"]),
            index("request", &["tenant_id", "id"]),
            index("request", &["tenant_id", "email_index"]),
            index("request_event", &["request_id", "id"]),
            index("portal_code", &["tenant_id", "email_index"]),
            unique("portal_sign_in", &["token_hash"]),
            index("export", &["tenant_id", "expires_at"]),
        ];
        create(manager, tables, indexes).await
    }
}
