//! Wrapped keys: of tenants, of persons, of retention buckets; and which data and root key they belong to.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            keyed(
                "tenant_key",
                &["tenant_id"],
                [
                    uuid("tenant_id"),
                    bytes("wrapped"),
                    bytes("signing_wrapped"),
                    time("created_at"),
                ],
            ),
            keyed(
                "subject_key",
                &["tenant_id", "subject_id", "purpose_id"],
                [
                    uuid("tenant_id"),
                    uuid("subject_id"),
                    uuid("purpose_id"),
                    bytes("wrapped"),
                    time("created_at"),
                ],
            ),
            keyed(
                "bucket_key",
                &["id"],
                [
                    big("id"),
                    uuid("tenant_id"),
                    big("class_id"),
                    time("starts_at"),
                    time("ends_at"),
                    bytes("wrapped"),
                ],
            ),
            keyed("vault_meta", &["name"], [text("name"), text("value")]),
        ];
        let indexes = vec![unique("bucket_key", &["class_id", "starts_at", "ends_at"])];
        create(manager, tables, indexes).await
    }
}
