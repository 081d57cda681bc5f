//! Pages of keys: which key lies on which page, and under which version of the page's key. The page keys themselves are
//! not in any store. And the next signing key, while one key hands over to another.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let pages = keyed("key_page", &["id"], [big("id"), big("version"), flag("free")]);
        let indexes = vec![index("key_page", &["free"])];
        create(manager, vec![pages], indexes).await?;
        let columns = [
            ("tenant_key", big_null("page")),
            ("subject_key", big_null("page")),
            ("bucket_key", big_null("page")),
            ("tenant_key", bytes_null("signing_next")),
        ];
        add(manager, columns).await?;
        for table in ["tenant_key", "subject_key", "bucket_key"] {
            manager.create_index(index(table, &["page"])).await?;
        }
        Ok(())
    }
}
