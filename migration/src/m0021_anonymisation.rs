//! What is left of a kind of data when its message expires under a rule that anonymises; what an endpoint does with what the
//! catalogue cannot look into; and the anonymous rest.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let added = [
            ("data_type", json_null("at_expiry")),
            ("endpoint", text("opaque").default("record").take()),
        ];
        add(manager, added).await?;
        // In the order of its ids, which are random: not even the order says when something was made.
        let rest = clustered(
            keyed(
                "anonymised_message",
                &["id"],
                [
                    uuid("id"),
                    uuid("tenant_id"),
                    big("class_id"),
                    uuid("endpoint_id"),
                    uuid_null("purpose_id"),
                    time("hour"),
                    int("size"),
                    bytes("sealed"),
                ],
            ),
            manager.get_database_backend(),
        );
        let indexes = vec![
            index("anonymised_message", &["tenant_id", "id"]),
            index("anonymised_message", &["endpoint_id", "id"]),
            index("anonymised_message", &["class_id"]),
        ];
        create(manager, vec![rest], indexes).await
    }
}
