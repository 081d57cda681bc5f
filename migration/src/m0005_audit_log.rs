//! Audit events and the transparency log that proves them.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "audit_event",
                [
                    big("index"),
                    time("at"),
                    text("kind"),
                    text("actor"),
                    text_null("target_kind"),
                    text_null("target_id"),
                    uuid_null("subject_id"),
                    json("facts"),
                    bytes_null("salt"),
                ],
            ),
            keyed(
                "log_leaf",
                &["tenant_id", "index"],
                [uuid("tenant_id"), big("index"), bytes("entry")],
            ),
            keyed(
                "log_tile",
                &["tenant_id", "level", "index"],
                [uuid("tenant_id"), small("level"), big("index"), bytes("hashes")],
            ),
            keyed(
                "log_head",
                &["tenant_id"],
                [
                    uuid("tenant_id"),
                    big("size"),
                    bytes("frontier"),
                    text_null("checkpoint"),
                    big("checkpoint_size"),
                    time_null("signed_at"),
                ],
            ),
        ];
        let indexes = vec![
            unique("audit_event", &["tenant_id", "index"]),
            index("audit_event", &["tenant_id", "kind", "index"]),
            index("audit_event", &["subject_id"]),
        ];
        create(manager, tables, indexes).await
    }
}
