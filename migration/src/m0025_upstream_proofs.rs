//! Whose the back end of a relay is, as far as it was proven. Relays that exist were dialled before anybody was asked: they count as
//! proven, until they are led to another host.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("endpoint", text("upstream_state").default("proven").take()),
            ("endpoint", text_null("upstream_token")),
            ("endpoint", time_null("upstream_proven_at")),
            ("endpoint", time_null("upstream_tried_at")),
            ("endpoint", text_null("upstream_fault")),
        ];
        add(manager, columns).await
    }
}
