//! The register of incidents: what happened, whom it touched, who was told. Impact assessments, and which endpoints need one.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            owned(
                "incident",
                [
                    text("title"),
                    text("state"),
                    json("nature"),
                    text("exposure"),
                    text("risk"),
                    text("facts"),
                    text_null("effects"),
                    text_null("measures"),
                    text_null("lessons"),
                    text_null("late_reason"),
                    text_null("exemption"),
                    json("endpoint_ids"),
                    time("started_at"),
                    time_null("ended_at"),
                    time("aware_at"),
                    time_null("notified_at"),
                    int("reminded"),
                    json_null("scope"),
                    time_null("scoped_at"),
                    uuid_null("scope_job_id"),
                    text_null("scope_step"),
                    big("scope_done"),
                    big("scope_total"),
                    uuid_null("mail_job_id"),
                    time_null("closed_at"),
                    time("created_at"),
                    time("updated_at"),
                    int("version"),
                ],
            ),
            keyed(
                "incident_subject",
                &["incident_id", "subject_id"],
                [
                    uuid("incident_id"),
                    uuid("subject_id"),
                    uuid("tenant_id"),
                    big("records"),
                    big("connections"),
                    flag("unintelligible"),
                    uuid_null("mail_id"),
                    flag("unreachable"),
                ],
            ),
            owned(
                "incident_notice",
                [
                    uuid("incident_id"),
                    int("phase"),
                    json("form"),
                    text_null("note"),
                    time("sent_at"),
                    big("audit_index"),
                ],
            ),
            owned(
                "dpia",
                [
                    text("title"),
                    text("description"),
                    text("necessity"),
                    json("risks"),
                    text_null("advice"),
                    text("outcome"),
                    time_null("approved_at"),
                    text_null("approved_by"),
                    time_null("review_at"),
                    time("created_at"),
                    time("updated_at"),
                    int("version"),
                ],
            ),
        ];
        let indexes = vec![
            index("incident", &["tenant_id", "id"]),
            index("incident", &["state", "notified_at"]),
            index("incident_subject", &["subject_id"]),
            unique("incident_notice", &["incident_id", "phase"]),
            index("dpia", &["tenant_id", "id"]),
        ];
        create(manager, tables, indexes).await?;
        let columns = [flag("dpia_required").default(false).take(), uuid_null("dpia_id")];
        add(manager, columns.map(|column| ("endpoint", column))).await?;
        // Scoping asks for persons and classes in a stretch of time, and must not read what the messages say. On SQLite the
        // index holds the primary key anyway.
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            connection
                .execute_unprepared("DROP INDEX message_subject_id_id")
                .await?;
            connection
                .execute_unprepared("CREATE INDEX message_subject_id_id ON message (subject_id, id) INCLUDE (class_id, tenant_id)")
                .await?;
        }
        Ok(())
    }
}
