//! What a tenant declares: endpoints, data types, purposes, notices, retention rules.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "endpoint",
                [
                    text("slug"),
                    text("name"),
                    text("kind"),
                    text("app_id"),
                    text("app_key"),
                    bytes("secret_sealed"),
                    bytes_null("previous_secret_sealed"),
                    time_null("previous_secret_until"),
                    text_null("upstream_url"),
                    text_null("subprotocol"),
                    int("pool_min"),
                    int("pool_max"),
                    text("record"),
                    uuid_null("purpose_id"),
                    text("on_withdrawal"),
                    json("allowed_origins"),
                    text_null("jwks_url"),
                    json_null("jwks"),
                    int("max_message_bytes"),
                    flag("enabled"),
                    time("created_at"),
                    time("updated_at"),
                    int("version"),
                ],
            ),
            owned(
                "data_type",
                [
                    text("slug"),
                    text("name"),
                    text_null("description"),
                    flag("personal"),
                    text_null("special_category"),
                    json("paths"),
                    json("minimise"),
                    time("created_at"),
                    time("updated_at"),
                    int("version"),
                ],
            ),
            owned(
                "purpose",
                [
                    text("slug"),
                    text("name"),
                    text_null("description"),
                    text("lawful_basis"),
                    flag("requires_consent"),
                    time("created_at"),
                    time("updated_at"),
                    int("version"),
                ],
            ),
            owned(
                "notice",
                [
                    text("slug"),
                    text("name"),
                    json("purpose_ids"),
                    int("latest_number"),
                    time("created_at"),
                    int("version"),
                ],
            ),
            owned(
                "notice_version",
                [
                    uuid("notice_id"),
                    int("number"),
                    text("language"),
                    text("text"),
                    bytes("hash"),
                    time("published_at"),
                ],
            ),
            owned(
                "retention_rule",
                [
                    text("name"),
                    text("target"),
                    uuid_null("endpoint_id"),
                    text_null("channel_pattern"),
                    uuid_null("data_type_id"),
                    uuid_null("purpose_id"),
                    text("duration"),
                    text("action"),
                    flag("enabled"),
                    time("created_at"),
                    time("updated_at"),
                    int("version"),
                ],
            ),
            keyed(
                "retention_rule_version",
                &["rule_id", "number"],
                [
                    uuid("rule_id"),
                    int("number"),
                    uuid("tenant_id"),
                    json("snapshot"),
                    text("changed_by"),
                    time("changed_at"),
                    text_null("why"),
                ],
            ),
        ];
        let indexes = vec![
            unique("endpoint", &["tenant_id", "slug"]),
            unique("endpoint", &["app_id"]),
            unique("endpoint", &["app_key"]),
            unique("data_type", &["tenant_id", "slug"]),
            unique("purpose", &["tenant_id", "slug"]),
            unique("notice", &["tenant_id", "slug"]),
            unique("notice_version", &["notice_id", "number", "language"]),
            index("notice_version", &["tenant_id", "id"]),
            index("retention_rule", &["tenant_id", "id"]),
        ];
        create(manager, tables, indexes).await
    }
}
