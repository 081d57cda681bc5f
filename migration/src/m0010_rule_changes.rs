//! Rules that say how long something must be kept, and changes of rules that wait. Rules that exist delete, as before.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("retention_rule", text("kind").default("deletion").take()),
            ("retention_rule", text_null("source")),
            ("tenant", text("retention_grace").default("P1D").take()),
            ("tenant", flag("retention_approval").default(false).take()),
        ];
        add(manager, columns).await?;
        let tables = vec![owned(
            "retention_change",
            [
                text("kind"),
                uuid_null("rule_id"),
                int_null("rule_version"),
                json("draft"),
                text_null("why"),
                json("destroys"),
                big("messages"),
                text("proposed_by"),
                time("proposed_at"),
                time("effective_at"),
                flag("needs_approval"),
                text_null("approved_by"),
                time_null("approved_at"),
                text("state"),
                text_null("note"),
                text_null("finished_by"),
                time_null("finished_at"),
                int("version"),
            ],
        )];
        let indexes = vec![
            index("retention_change", &["tenant_id", "id"]),
            index("retention_change", &["state", "effective_at"]),
        ];
        create(manager, tables, indexes).await
    }
}
