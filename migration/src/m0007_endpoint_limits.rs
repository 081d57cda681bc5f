//! What an endpoint lets its sockets do, and how many of them there may be. Endpoints that exist get what a new one gets
//! when nothing is said.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![
            flag("client_events").default(true).take(),
            int("client_events_per_second").default(10).take(),
            flag("subscription_counts").default(false).take(),
            int("presence_members").default(1000).take(),
            int("channels_per_session").default(100).take(),
            text("slow_consumer").default("disconnect").take(),
            int_null("max_connections"),
            int_null("max_connections_per_subject"),
            int_null("max_connections_per_address"),
            int("messages_per_second").default(0).take(),
            int("bytes_per_second").default(0).take(),
            int_null("authenticate_within_seconds"),
        ];
        add(manager, columns.into_iter().map(|column| ("endpoint", column))).await
    }
}
