//! Who vouches for a log from outside.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let witnesses = owned(
            "log_witness",
            [
                text("verifier_key"),
                text("url"),
                big("stands_at"),
                big("cosigned_size"),
                time_null("cosigned_at"),
                text_null("failure"),
                int("failures"),
                time("due_at"),
                time("created_at"),
            ],
        );
        let indexes = vec![
            unique("log_witness", &["tenant_id", "verifier_key"]),
            index("log_witness", &["due_at"]),
        ];
        create(manager, vec![witnesses], indexes).await
    }
}
