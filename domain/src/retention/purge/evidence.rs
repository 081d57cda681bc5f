//! The audit event that says what was removed. A class under a rule of seconds loses rows every second; one leaf a minute
//! says as much. What is not yet in a leaf is counted in the store, in the transaction of the removal, so no count is lost.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{EndpointId, RetentionRuleId, TenantId},
    store_meta,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, QueryFilter,
    sea_query::{OnConflict, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::Result,
    tenancy::{Actor, Engine, TenantScope, TenantTx},
};

/// At most one leaf per class in this time.
const EVERY: TimeDelta = TimeDelta::seconds(60);
const PREFIX: &str = "expired:";

/// Rows of one class that were removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Removed {
    pub(super) tenant: TenantId,
    pub(super) class: i64,
    pub(super) endpoint: EndpointId,
    /// The rule that decided, where one decided for all of them.
    pub(super) rule: Option<RetentionRuleId>,
    pub(super) count: u64,
    /// Of these, those of which something anonymous is left.
    #[serde(default)]
    pub(super) anonymised: u64,
    pub(super) first: i64,
    pub(super) last: i64,
    /// What was older had expired.
    pub(super) cutoff: DateTime<Utc>,
    /// When the first of them was removed.
    pub(super) since: DateTime<Utc>,
}

impl Removed {
    fn merge(&self, newer: &Self) -> Self {
        Self {
            rule: if self.rule == newer.rule { newer.rule } else { None },
            count: self.count + newer.count,
            anonymised: self.anonymised + newer.anonymised,
            first: self.first.min(newer.first),
            last: self.last.max(newer.last),
            since: self.since,
            ..newer.clone()
        }
    }

    fn name(&self) -> String {
        format!("{PREFIX}{}", self.class)
    }

    fn event(&self) -> Event {
        Event::new("messages.expired")
            .target("retention_class", self.class)
            .facts(json!({
                "endpoint": self.endpoint,
                "rule": self.rule,
                "count": self.count,
                "anonymised": self.anonymised,
                // As text: they are beyond what every JSON reader takes for an integer.
                "first_id": self.first.to_string(),
                "last_id": self.last.to_string(),
                "cutoff": self.cutoff,
                "since": self.since,
            }))
    }
}

/// What is counted and not yet in a leaf.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    recalled: bool,
    pending: HashMap<i64, Removed>,
    /// When a class's last leaf was written.
    written: HashMap<i64, DateTime<Utc>>,
}

impl Evidence {
    /// After a start: what was counted before.
    pub(super) async fn recall(&mut self, ctx: &Ctx) -> Result<()> {
        if self.recalled {
            return Ok(());
        }
        let tx = ctx
            .store
            .system_read("removals of all tenants that are not yet in their logs")
            .await?;
        let rows = tx
            .find::<store_meta::Entity>()
            .filter(store_meta::Column::Name.starts_with(PREFIX))
            .all(tx.conn())
            .await?;
        for row in rows {
            let removed: Removed = serde_json::from_str(&row.value)?;
            self.pending.insert(removed.class, removed);
        }
        self.recalled = true;
        Ok(())
    }

    /// In the transaction of a removal. Call [`Evidence::saved`] with the answer once it is saved.
    pub(super) async fn note(&self, tx: &TenantTx, ctx: &Ctx, newer: Removed) -> Result<Noted> {
        let before = stored(tx, ctx, &newer.name()).await?;
        let now = ctx.now();
        let last = before
            .as_ref()
            .map(|before| before.since)
            .or(self.written.get(&newer.class).copied());
        let counted = before.is_some();
        let removed = match before {
            Some(before) => before.merge(&newer),
            None => newer,
        };
        if last.is_none_or(|at| now - at >= EVERY || now < at) {
            if counted {
                forget(tx, &removed.name()).await?;
            }
            audit::record(tx, ctx, removed.event()).await?;
            return Ok(Noted::Written(removed.class, now));
        }
        let mut upsert = Query::insert();
        upsert
            .into_table(store_meta::Entity)
            .columns([store_meta::Column::Name, store_meta::Column::Value])
            .values_panic([removed.name().into(), serde_json::to_string(&removed)?.into()])
            .on_conflict(
                OnConflict::column(store_meta::Column::Name)
                    .update_column(store_meta::Column::Value)
                    .to_owned(),
            );
        tx.conn().execute(&upsert).await?;
        Ok(Noted::Counted(removed))
    }

    pub(super) fn saved(&mut self, noted: Noted) {
        match noted {
            Noted::Written(class, at) => {
                self.pending.remove(&class);
                self.written.insert(class, at);
            }
            Noted::Counted(removed) => drop(self.pending.insert(removed.class, removed)),
        }
    }

    /// Writes the leaves whose time has come.
    pub(super) async fn write_due(&mut self, ctx: &Ctx) -> Result<()> {
        let now = ctx.now();
        let due: Vec<_> = self
            .pending
            .values()
            .filter(|removed| now - removed.since >= EVERY || now < removed.since)
            .cloned()
            .collect();
        for removed in due {
            self.write(ctx, &removed).await?;
        }
        self.written.retain(|_, at| now - *at < EVERY);
        Ok(())
    }

    /// Writes a class's leaf now, if anything is counted.
    pub(super) async fn write_now(&mut self, ctx: &Ctx, class: i64) -> Result<()> {
        match self.pending.get(&class).cloned() {
            Some(removed) => self.write(ctx, &removed).await,
            None => Ok(()),
        }
    }

    async fn write(&mut self, ctx: &Ctx, removed: &Removed) -> Result<()> {
        let now = ctx.now();
        let scope = TenantScope::new(removed.tenant, Actor::System);
        let tx = ctx.store.begin(&scope).await?;
        // Another process may have written it meanwhile.
        if let Some(removed) = stored(&tx, ctx, &removed.name()).await? {
            forget(&tx, &removed.name()).await?;
            audit::record(&tx, ctx, removed.event()).await?;
            tx.save().await?;
        }
        self.saved(Noted::Written(removed.class, now));
        Ok(())
    }
}

/// What became of a note.
#[derive(Debug)]
pub(super) enum Noted {
    Written(i64, DateTime<Utc>),
    Counted(Removed),
}

/// What is counted so far, locked until the transaction ends.
async fn stored(tx: &TenantTx, ctx: &Ctx, name: &str) -> Result<Option<Removed>> {
    let mut find = tx
        .find_shared::<store_meta::Entity>()
        .filter(store_meta::Column::Name.eq(name));
    if ctx.store.engine() == Engine::Postgres {
        find = sea_orm::QuerySelect::lock_exclusive(find);
    }
    let row = find.one(tx.conn()).await?;
    Ok(row.map(|row| serde_json::from_str(&row.value)).transpose()?)
}

async fn forget(tx: &TenantTx, name: &str) -> Result<()> {
    let mut delete = Query::delete();
    delete
        .from_table(store_meta::Entity)
        .and_where(store_meta::Column::Name.eq(name));
    tx.conn().execute(&delete).await?;
    Ok(())
}
