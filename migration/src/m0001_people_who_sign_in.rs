//! Tenants, the people who sign in for them, and machine credentials.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            table(
                "tenant",
                [
                    text("slug"),
                    text("name"),
                    text_null("contact_email"),
                    text("language"),
                    text("jurisdiction"),
                    json("quotas"),
                    time("created_at"),
                    int("version"),
                ],
            ),
            table(
                "account",
                [
                    text("email"),
                    text("name"),
                    text("password_hash"),
                    time_null("email_verified_at"),
                    time("created_at"),
                    int("version"),
                ],
            ),
            owned(
                "member",
                [
                    uuid("account_id"),
                    text("role"),
                    time("created_at"),
                    int("version"),
                ],
            ),
            owned(
                "invitation",
                [
                    text("email"),
                    text("role"),
                    bytes("token_hash"),
                    text("invited_by"),
                    time("created_at"),
                    time("expires_at"),
                    time_null("accepted_at"),
                ],
            ),
            owned(
                "sign_in",
                [
                    uuid("account_id"),
                    bytes("token_hash"),
                    text_null("client"),
                    time("created_at"),
                    time("last_seen_at"),
                    time("expires_at"),
                ],
            ),
            table(
                "mailed_token",
                [
                    uuid("account_id"),
                    text("kind"),
                    bytes("token_hash"),
                    time("created_at"),
                    time("expires_at"),
                    time_null("used_at"),
                ],
            ),
            owned(
                "api_key",
                [
                    text("name"),
                    text("prefix"),
                    bytes("token_hash"),
                    json("scopes"),
                    uuid_null("created_by"),
                    time("created_at"),
                    time_null("last_used_at"),
                    time_null("expires_at"),
                    time_null("revoked_at"),
                    int("version"),
                ],
            ),
            keyed("store_meta", &["name"], [text("name"), text("value")]),
        ];
        let indexes = vec![
            unique("tenant", &["slug"]),
            unique("account", &["email"]),
            unique("member", &["tenant_id", "account_id"]),
            index("member", &["account_id"]),
            unique("invitation", &["token_hash"]),
            index("invitation", &["tenant_id", "id"]),
            unique("sign_in", &["token_hash"]),
            index("sign_in", &["account_id"]),
            unique("mailed_token", &["token_hash"]),
            unique("api_key", &["token_hash"]),
            index("api_key", &["tenant_id", "id"]),
        ];
        create(manager, tables, indexes).await
    }
}
