//! What happened with a request while its state stayed, and what the person was told with it.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(
            manager,
            [
                ("request_event", text_null("what")),
                ("request_event", text_null("words")),
            ],
        )
        .await
    }
}
