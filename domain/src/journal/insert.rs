//! The statements of the journal.

use std::collections::BTreeMap;

use entity::id::TenantId;
use sea_orm::{DbBackend, Statement, Value};

use crate::inserts::Insert;

/// The statements of one journal.
pub(super) struct Inserts {
    /// Where this process counts.
    shard: i16,
    channels: Insert,
    messages: Insert,
    counts: Insert,
}

impl Inserts {
    pub(super) fn new(backend: DbBackend, shard: i16) -> Self {
        Self {
            shard,
            // The row's own lock gives out positions: whoever commits second counts on from the first.
            channels: Insert::new(
                backend,
                "INSERT INTO channel (id, tenant_id, endpoint_id, name, epoch, last_offset, created_at)",
                7,
                " ON CONFLICT (endpoint_id, name) DO UPDATE \
                 SET last_offset = channel.last_offset + excluded.last_offset \
                 RETURNING endpoint_id, name, id, epoch, last_offset",
            ),
            messages: Insert::new(
                backend,
                "INSERT INTO message \
                 (class_id, id, tenant_id, channel_id, position, subject_id, bucket_id, flags, size, sealed)",
                10,
                "",
            ),
            counts: Insert::new(
                backend,
                "INSERT INTO class_count (class_id, shard, tenant_id, ingested, deleted, anonymised)",
                6,
                " ON CONFLICT (class_id, shard) DO UPDATE \
                 SET ingested = class_count.ingested + excluded.ingested",
            ),
        }
    }

    /// Values in the order of the columns: id, tenant, endpoint, name, epoch, how many positions, now.
    pub(super) fn channels(&self, values: Vec<Value>) -> Vec<Statement> {
        self.channels.statements(values)
    }

    /// What came into which class of which tenant.
    pub(super) fn counts(&self, ingested: &BTreeMap<i64, (TenantId, i64)>) -> Vec<Statement> {
        let mut values = Vec::with_capacity(ingested.len() * 6);
        // In one order everywhere, so that two processes never wait for each other.
        for (class, (tenant, count)) in ingested {
            values.extend([
                Value::from(*class),
                self.shard.into(),
                (*tenant).into(),
                (*count).into(),
                0_i64.into(),
                0_i64.into(),
            ]);
        }
        self.counts.statements(values)
    }

    /// Values in the order of the columns.
    pub(super) fn messages(&self, values: Vec<Value>) -> Vec<Statement> {
        self.messages.statements(values)
    }
}
