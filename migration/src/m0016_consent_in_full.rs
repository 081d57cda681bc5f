//! Consents that end, say where they were given and are taken over in bulk; what makes a purpose lawful, in full; who the
//! controller is.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("tenant", json_null("controller")),
            ("purpose", text_null("consent_validity")),
            ("purpose", text_null("balancing_note")),
            ("purpose", text_null("special_basis")),
            ("purpose", flag("honours_gpc").default(false).take()),
            ("notice", text_null("consent_validity")),
            ("consent_event", text_null("place")),
            ("consent_event", time_null("expires_at")),
            ("consent_event", bytes_null("import_key")),
            ("consent_state", time_null("expires_at")),
        ];
        add(manager, columns).await?;
        let tables = vec![
            owned(
                "consent_import",
                [
                    text("state"),
                    text("format"),
                    text("actor"),
                    big("lines"),
                    big("done"),
                    big("recorded"),
                    big("repeated"),
                    big("failed"),
                    time("created_at"),
                    time_null("finished_at"),
                ],
            ),
            keyed(
                "consent_import_part",
                &["import_id", "first_line"],
                [
                    uuid("import_id"),
                    big("first_line"),
                    uuid("tenant_id"),
                    bytes("sealed"),
                ],
            ),
            keyed(
                "consent_import_fault",
                &["import_id", "line"],
                [uuid("import_id"), big("line"), uuid("tenant_id"), json("faults")],
            ),
        ];
        let indexes = vec![
            index("consent_state", &["expires_at"]),
            unique("consent_event", &["tenant_id", "import_key"]),
            index("consent_import", &["tenant_id", "id"]),
        ];
        create(manager, tables, indexes).await
    }
}
