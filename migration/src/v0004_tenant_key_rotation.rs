//! A tenant's key that is being replaced: the other key, how far it is, and the key of lookups, which stays.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("tenant_key", bytes_null("index_wrapped")),
            ("tenant_key", bytes_null("other")),
            ("tenant_key", text_null("rotation")),
            ("tenant_key", time_null("rotation_at")),
            ("tenant_key", time_null("rotated_at")),
        ];
        add(manager, columns).await?;
        manager.create_index(index("tenant_key", &["rotation"])).await
    }
}
