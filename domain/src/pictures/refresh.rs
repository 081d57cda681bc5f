//! Keeps pictures true that nobody asks for by waiting: those of open sockets.

use std::{collections::HashMap, sync::atomic::Ordering};

use chrono::TimeDelta;
use entity::id::TenantId;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::load_tenant;
use crate::{
    ctx::Ctx,
    error::{Error, Result},
};

/// How often it is looked for changes that other processes made.
const COMPARE_EVERY: TimeDelta = TimeDelta::seconds(2);

/// What decides about messages. Every change of a row raises its version; a row that comes or goes changes the count.
const TABLES: [&str; 7] = [
    "tenant",
    "endpoint",
    "data_type",
    "purpose",
    "retention_rule",
    "webhook",
    "dpia",
];

/// Reads stale pictures again; every few seconds finds out which became stale by the hand of another process.
/// To be called every quarter of a second or so by whoever serves sockets.
///
/// # Errors
/// What the store said. Pictures that could not be read stay as they were, and stale.
pub async fn refresh(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let due = {
        let mut compared_at = ctx.pictures.compared_at.lock();
        let due = compared_at.is_none_or(|at| now - at >= COMPARE_EVERY || now < at);
        if due {
            *compared_at = Some(now);
        }
        due
    };
    if due {
        compare(ctx).await?;
    }
    for slot in ctx.pictures.slots() {
        if slot.is_stale() {
            match load_tenant(ctx, slot.tenant).await {
                Ok(_) => {}
                // The tenant was deleted. It must not keep the others' pictures from being read.
                Err(Error::Gone { .. } | Error::NotFound { .. }) => ctx.pictures.remove(slot.tenant),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Finds out now what other processes changed, and reads it.
pub(crate) async fn compare_now(ctx: &Ctx) -> Result<()> {
    *ctx.pictures.compared_at.lock() = None;
    refresh(ctx).await
}

/// What a tenant's rows look like from outside: per table their count, the sum of their versions, the newest change.
pub(super) type Look = Vec<(usize, i64, i64, Option<String>)>;

/// Marks what does not look as it did the last time.
async fn compare(ctx: &Ctx) -> Result<()> {
    let slots = ctx.pictures.slots();
    if slots.is_empty() {
        return Ok(());
    }
    let mut looks: HashMap<TenantId, Look> = HashMap::new();
    let tx = ctx
        .store
        .system_read("pictures of all tenants are compared with the store")
        .await?;
    for (table, sql) in statements().enumerate() {
        let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
        for row in tx.conn().query_all_raw(statement).await? {
            let tenant = TenantId(row.try_get_by_index::<Uuid>(0)?);
            let (count, sum): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let newest: Option<String> = row.try_get_by_index(3)?;
            let look = looks.entry(tenant).or_default();
            look.push((table, count, sum, newest));
        }
    }
    drop(tx);
    for slot in slots {
        let look = looks.remove(&slot.tenant).unwrap_or_default();
        let mut fingerprint = slot.fingerprint.lock();
        if fingerprint.as_ref() != Some(&look) {
            *fingerprint = Some(look);
            slot.wanted.fetch_add(1, Ordering::AcqRel);
        }
    }
    Ok(())
}

fn statements() -> impl Iterator<Item = String> {
    let versioned = TABLES.into_iter().map(|table| {
        let (tenant, newest) = if table == "tenant" {
            ("id", "created_at")
        } else {
            ("tenant_id", "updated_at")
        };
        format!(
            "SELECT {tenant}, COUNT(*), CAST(SUM(version) AS BIGINT), CAST(MAX({newest}) AS TEXT) \
             FROM {table} GROUP BY {tenant}"
        )
    });
    // Classes never change; the newest has the greatest id.
    let classes =
        "SELECT tenant_id, COUNT(*), MAX(id), CAST(NULL AS TEXT) FROM retention_class GROUP BY tenant_id";
    versioned.chain([classes.to_owned()])
}
