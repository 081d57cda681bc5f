//! Webhooks: who is told what, what waits to be told, what was told; and which processes are there.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Rows go with the row that they hang on.
fn hangs_on(
    table: &mut TableCreateStatement,
    name: &'static str,
    column: &'static str,
    target: &'static str,
) {
    table.foreign_key(
        ForeignKey::create()
            .from(name, column)
            .to(target, "id")
            .on_delete(ForeignKeyAction::Cascade),
    );
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let mut webhook = owned(
            "webhook",
            [
                uuid("endpoint_id"),
                text_null("url"),
                text_null("description"),
                int("events"),
                text_null("channel_prefix"),
                flag("enabled"),
                text_null("disabled_reason"),
                time_null("disabled_at"),
                bytes("secret_sealed"),
                bytes_null("previous_secret_sealed"),
                time_null("previous_secret_until"),
                big("transit_class"),
                time_null("failing_since"),
                time_null("due_at"),
                time_null("locked_until"),
                time("created_at"),
                time("updated_at"),
                int("version"),
            ],
        );
        hangs_on(&mut webhook, "webhook", "endpoint_id", "endpoint");
        let mut delivery = owned(
            "webhook_delivery",
            [
                uuid("webhook_id"),
                uuid("endpoint_id"),
                text("state"),
                int("kinds"),
                json("counts"),
                int("events"),
                int_null("sent"),
                int("attempts"),
                int("attempts_total"),
                time("next_at"),
                int_null("status"),
                int_null("duration_ms"),
                text_null("error"),
                time("created_at"),
                time("begun_at"),
                time_null("finished_at"),
            ],
        );
        hangs_on(&mut delivery, "webhook_delivery", "webhook_id", "webhook");
        let mut part = keyed(
            "webhook_part",
            &["delivery_id", "number"],
            [
                uuid("delivery_id"),
                int("number"),
                uuid("tenant_id"),
                uuid_null("subject_id"),
                uuid_null("purpose_id"),
                big_null("class_id"),
                big_null("bucket_id"),
                big_null("message_id"),
                bytes("sealed"),
            ],
        );
        hangs_on(&mut part, "webhook_part", "delivery_id", "webhook_delivery");
        let mut attempt = keyed(
            "webhook_attempt",
            &["delivery_id", "number"],
            [
                uuid("delivery_id"),
                int("number"),
                uuid("tenant_id"),
                time("at"),
                int("sent"),
                int_null("status"),
                int("duration_ms"),
                text_null("error"),
            ],
        );
        hangs_on(&mut attempt, "webhook_attempt", "delivery_id", "webhook_delivery");
        let mut occupancy = keyed(
            "webhook_occupancy",
            &["id"],
            [
                bytes("id"),
                uuid("tenant_id"),
                uuid("endpoint_id"),
                text("node"),
                text("channel"),
                uuid_null("subject_id"),
                bytes_null("user_sealed"),
                time("at"),
            ],
        );
        hangs_on(&mut occupancy, "webhook_occupancy", "endpoint_id", "endpoint");
        let mut lifecycle = owned(
            "lifecycle_event",
            [uuid("endpoint_id"), text("kind"), text("channel"), time("at")],
        );
        hangs_on(&mut lifecycle, "lifecycle_event", "endpoint_id", "endpoint");
        let tables = vec![
            webhook,
            delivery,
            clustered(part, backend),
            clustered(attempt, backend),
            clustered(occupancy, backend),
            lifecycle,
            keyed(
                "node",
                &["name"],
                [text("name"), time("started_at"), time("seen_at")],
            ),
        ];
        let indexes = vec![
            index("webhook", &["tenant_id", "id"]),
            index("webhook", &["endpoint_id"]),
            index("webhook", &["due_at"]),
            index("webhook_delivery", &["webhook_id", "state", "id"]),
            index("webhook_delivery", &["state", "finished_at"]),
            index("webhook_delivery", &["tenant_id", "id"]),
            index("webhook_part", &["subject_id"]),
            index("webhook_part", &["message_id"]),
            index("webhook_occupancy", &["node"]),
            index("webhook_occupancy", &["subject_id"]),
            index("webhook_occupancy", &["endpoint_id"]),
            index("lifecycle_event", &["endpoint_id", "id"]),
        ];
        create(manager, tables, indexes).await?;
        // The connections that a process which died had open. Those that come and go between two writes never enter it.
        let open = "CREATE INDEX connection_open ON connection (node) WHERE closed_at IS NULL";
        manager.get_connection().execute_unprepared(open).await?;
        Ok(())
    }
}
