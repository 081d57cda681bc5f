//! Audit reports: what was collected, used, kept, protected and answered, from the evidence that is in the store. A report is
//! sealed under the tenant's key, its hash is a leaf of the tenant's log, and it says what changed since the one before.

mod collection;
mod findings;
mod page;
mod retention;
mod rights;
mod schedule;
mod security;
mod usage;
mod words;

use chrono::{DateTime, Months, SecondsFormat, Utc};
use entity::{id::ReportId, report};
use ring::digest;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use serde_json::{Value, json};

pub use findings::{Finding, Severity};
pub use page::page;
pub use schedule::{read_schedule, run_due, set_schedule};
pub(crate) use security::MEASURES;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Faults, Result},
    log,
    page::{self as pages, Page, PageIn},
    tenancy::{TenantScope, TenantTx},
    tenants,
};

/// Which time a report is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewReport {
    /// Default: where the last report ended, or a month ago.
    pub from: Option<DateTime<Utc>>,
    /// Default now.
    pub to: Option<DateTime<Utc>>,
}

/// A report and what it says.
#[derive(Clone, Debug)]
pub struct Opened {
    /// As stored.
    pub row: report::Model,
    /// What it says.
    pub body: Value,
}

/// The stretch of time, and the store, that a section looks at.
pub(crate) struct Look<'a> {
    pub(crate) tx: &'a TenantTx,
    pub(crate) ctx: &'a Ctx,
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// A part of a report: an answer in words, facts in numbers, findings.
pub(crate) struct Section {
    pub(crate) key: &'static str,
    pub(crate) question: &'static str,
    pub(crate) answer: String,
    pub(crate) facts: Value,
    pub(crate) findings: Vec<Finding>,
}

pub(crate) fn context(id: ReportId) -> String {
    format!("report/{id}")
}

/// Makes a report.
pub async fn create(ctx: &Ctx, scope: &TenantScope, new: NewReport) -> Result<Opened> {
    let now = ctx.now();
    let read = ctx.store.read(scope).await?;
    let previous = last(&read).await?;
    let to = new.to.unwrap_or(now);
    let from = new
        .from
        .or(previous.as_ref().map(|previous| previous.to_at))
        .or(to.checked_sub_months(Months::new(1)))
        .unwrap_or(to);
    let mut faults = Faults::default();
    faults.check(
        to <= now,
        "/to",
        "in_the_future",
        "nothing can be said of that yet",
    );
    faults.check(
        from < to,
        "/from",
        "out_of_order",
        "a report begins before it ends",
    );
    faults.finish()?;
    let look = Look {
        tx: &read,
        ctx,
        from,
        to,
    };
    let (retained, adheres) = retention::section(&look).await?;
    let sections = [
        collection::section(&look).await?,
        usage::section(&look).await?,
        retained,
        security::section(&look).await?,
        rights::section(&look).await?,
    ];
    let tenant = tenants::read(&read).await?;
    let before = match &previous {
        Some(previous) => Some(open(ctx, previous).await?),
        None => None,
    };
    drop(read);
    let id: ReportId = ctx.ids.next();
    let all: Vec<&Finding> = sections.iter().flat_map(|section| &section.findings).collect();
    let count = |severity| {
        i32::try_from(all.iter().filter(|one| one.severity == severity).count()).unwrap_or(i32::MAX)
    };
    let (high, medium, low) = (
        count(Severity::High),
        count(Severity::Medium),
        count(Severity::Low),
    );
    let body = json!({
        "report": id,
        "tenant": { "id": tenant.id, "name": tenant.name },
        "from": time(from),
        "to": time(to),
        "made_at": time(now),
        "previous": previous.as_ref().map(|previous| previous.id),
        "adheres_to_retention_policy": adheres,
        "findings": { "high": high, "medium": medium, "low": low },
        "sections": sections.iter().map(section).collect::<Vec<_>>(),
        "since_last": since_last(&all, before.as_ref()),
    });
    let bytes = serde_json::to_vec(&body)?;
    let sha256 = digest::digest(&digest::SHA256, &bytes).as_ref().to_vec();
    let keys = ctx.keys.tenant(scope.tenant()).await?;
    let tx = ctx.store.begin(scope).await?;
    let facts = json!({
        "sha256": hex::encode(&sha256), "from": from, "to": to, "high": high, "medium": medium, "low": low,
        "adheres": adheres,
    });
    let event = Event::new("report.made").target("report", id).facts(facts);
    let audit_index = audit::record(&tx, ctx, event).await?;
    let row = report::ActiveModel {
        id: Set(id),
        from_at: Set(from),
        to_at: Set(to),
        sealed: Set(keys.tenant.seal_value(&context(id), &bytes, &*ctx.chance)),
        sha256: Set(sha256),
        high: Set(high),
        medium: Set(medium),
        low: Set(low),
        adheres: Set(adheres),
        previous_id: Set(previous.map(|previous| previous.id)),
        audit_index: Set(audit_index),
        created_at: Set(now),
        ..Default::default()
    };
    let row = tx.insert(row).await?;
    tx.save().await?;
    Ok(Opened { row, body })
}

fn section(section: &Section) -> Value {
    json!({
        "key": section.key,
        "question": section.question,
        "answer": section.answer,
        "facts": section.facts,
        "findings": section.findings.iter().map(Finding::json).collect::<Vec<_>>(),
    })
}

/// Which findings are new, and which are gone.
fn since_last(now: &[&Finding], before: Option<&Value>) -> Value {
    let Some(before) = before else {
        return json!({ "compared": false });
    };
    let keys = |report: &Value| -> Vec<String> {
        let sections = report["sections"].as_array().cloned().unwrap_or_default();
        let findings = sections
            .iter()
            .filter_map(|section| section["findings"].as_array());
        findings
            .flatten()
            .filter_map(|finding| finding["key"].as_str().map(str::to_owned))
            .collect()
    };
    let adhered = before["adheres_to_retention_policy"].clone();
    let before = keys(before);
    let now: Vec<String> = now.iter().map(|finding| finding.key()).collect();
    let new: Vec<_> = now.iter().filter(|key| !before.contains(key)).collect();
    let resolved: Vec<_> = before.iter().filter(|key| !now.contains(key)).collect();
    let standing: Vec<_> = now.iter().filter(|key| before.contains(key)).collect();
    json!({ "compared": true, "adhered_before": adhered, "new": new, "resolved": resolved, "standing": standing })
}

async fn last(tx: &TenantTx) -> Result<Option<report::Model>> {
    Ok(tx
        .find::<report::Entity>()
        .order_by_desc(report::Column::Id)
        .limit(1)
        .one(tx.conn())
        .await?)
}

/// Lists reports, newest first; what they say stays sealed.
pub async fn list(tx: &TenantTx, adheres: Option<bool>, page: &PageIn) -> Result<Page<report::Model>> {
    let mut rows = tx.find::<report::Entity>();
    if let Some(adheres) = adheres {
        rows = rows.filter(report::Column::Adheres.eq(adheres));
    }
    pages::by_id(rows, tx.conn(), report::Column::Id, page, |row| row.id.0).await
}

/// Reads one report.
pub async fn read(ctx: &Ctx, scope: &TenantScope, id: ReportId) -> Result<Opened> {
    let tx = ctx.store.read(scope).await?;
    let row = tx.get::<report::Entity, _>(id, "report").await?;
    let body = open(ctx, &row).await?;
    Ok(Opened { row, body })
}

async fn open(ctx: &Ctx, row: &report::Model) -> Result<Value> {
    let keys = ctx.keys.tenant(row.tenant_id).await?;
    let bytes = keys.tenant.open_value(&context(row.id), &row.sealed)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// The receipt of a report: its hash is in the leaf.
pub async fn receipt(ctx: &Ctx, scope: &TenantScope, id: ReportId) -> Result<String> {
    let tx = ctx.store.read(scope).await?;
    let row = tx.get::<report::Entity, _>(id, "report").await?;
    drop(tx);
    log::receipt(ctx, scope, row.audit_index).await
}

impl Look<'_> {
    /// How many events of a kind there were, and the last of them.
    pub(crate) async fn events(&self, kind: &str) -> Result<Evidence> {
        use entity::audit_event::{Column, Entity};
        use sea_orm::PaginatorTrait;
        let found = || {
            self.tx
                .find::<Entity>()
                .filter(Column::Kind.eq(kind))
                .filter(Column::At.gte(self.from))
                .filter(Column::At.lt(self.to))
        };
        let count = found().count(self.tx.conn()).await?;
        let last = found()
            .order_by_desc(Column::Index)
            .limit(1)
            .one(self.tx.conn())
            .await?;
        Ok(Evidence {
            count,
            last: last.map(|event| event.index),
        })
    }
}

/// Removals of one class that are in the log.
pub(crate) struct RemovedOfClass {
    pub(crate) class: String,
    pub(crate) leaves: i64,
    pub(crate) newest: i64,
}

impl Look<'_> {
    /// What the log says was removed by rule, class by class.
    pub(crate) async fn removed(&self) -> Result<Vec<RemovedOfClass>> {
        use entity::audit_event::{Column, Entity};
        let rows: Vec<(Option<String>, i64, i64)> = self
            .tx
            .find::<Entity>()
            .select_only()
            .column(Column::TargetId)
            .column_as(Column::Id.count(), "leaves")
            .column_as(Column::Index.max(), "newest")
            .filter(Column::Kind.eq("messages.expired"))
            .filter(Column::At.gte(self.from))
            .filter(Column::At.lt(self.to))
            .group_by(Column::TargetId)
            .into_tuple()
            .all(self.tx.conn())
            .await?;
        let removed = |(class, leaves, newest): (Option<String>, i64, i64)| {
            let class = class?;
            Some(RemovedOfClass {
                class,
                leaves,
                newest,
            })
        };
        Ok(rows.into_iter().filter_map(removed).collect())
    }
}

/// What the log holds of something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    pub(crate) count: u64,
    /// The index of the newest leaf.
    pub(crate) last: Option<i64>,
}

impl Evidence {
    pub(crate) fn json(self) -> Value {
        json!({ "count": self.count, "proof": self.last.map(proof) })
    }
}

/// Where the receipt of a leaf is.
pub(crate) fn proof(index: i64) -> Value {
    json!({ "leaf_index": index, "receipt_url": format!("/api/v1/log/{index}/receipt") })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
