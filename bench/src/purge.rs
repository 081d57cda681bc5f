//! The removal of expired messages, beside a bare DELETE of the same rows. Both with `secure_delete`: what is deleted is
//! overwritten.

use std::time::Instant;

use anyhow::ensure;
use bytes::Bytes;
use chrono::TimeDelta;
use domain::{
    admission::{self, Passing, Sender},
    ids::MessageId,
    journal::{Entry, Journal, Settings},
    pictures, retention,
    retention_rules::{self, RulePatch},
};
use entity::message;
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use serde_json::json;
use vault::message::OVERHEAD;

use crate::{
    place::{On, Place},
    report,
    rows::Rows,
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rows to remove.
    #[arg(long, default_value_t = 200_000)]
    rows: i64,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// How often; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The store to measure on.
    #[arg(long, value_enum, default_value_t)]
    store: On,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            rows: 200_000,
            payload: 128,
            runs: 3,
            store: On::default(),
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.store.is_there(), "postgresql is not installed");
    let (mut ours, mut bare, mut longest) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..arguments.runs.max(1) {
        let (rate, pause) = purge(&arguments).await?;
        ours.push(rate);
        longest = longest.max(pause);
        bare.push(delete(&arguments).await?);
    }
    let (ours, bare) = (report::median(ours), report::median(bare));
    report::table(
        &format!(
            "purge: {} rows of {} bytes, durable ({})",
            arguments.rows,
            arguments.payload,
            arguments.store.name()
        ),
        &[
            ("rows per second", report::grouped(ours)),
            ("rows per second of a bare DELETE", report::grouped(bare)),
            ("of the bare rate", format!("{:.0} %", 100.0 * ours / bare)),
            (
                "longest that another writer waited",
                format!("{:.1} ms", longest * 1000.0),
            ),
        ],
    )?;
    report::json(&json!({
        "bench": "purge",
        "store": arguments.store.name(),
        "rows": arguments.rows,
        "payload": arguments.payload,
        "rows_per_second": ours.round(),
        "bare_delete_rows_per_second": bare.round(),
        "longest_wait_of_another_writer_ms": longest * 1000.0,
    }))?;
    Ok(())
}

/// Two days old, and all of one class.
async fn fill(place: &Place, class: i64, arguments: &Arguments) -> anyhow::Result<i64> {
    let rows = Rows::sized(place, class, arguments.payload + OVERHEAD, 16, 1_000);
    let first = MessageId::first_at(place.ctx.now() - TimeDelta::days(2)).0;
    let mut written = 0;
    while written < arguments.rows {
        let tx = place.ctx.store.system("a measurement fills a store").await?;
        // A transaction of several statements: this part is not measured.
        for _ in 0..20 {
            if written < arguments.rows {
                rows.write(&tx, first + written, written).await?;
                written += rows.at_once();
            }
        }
        tx.save().await?;
    }
    Ok(written)
}

/// Rows per second of the removal, and the longest that somebody else waited to write meanwhile, in seconds.
async fn purge(arguments: &Arguments) -> anyhow::Result<(f64, f64)> {
    let place = Place::on(arguments.store, "P30D").await?;
    let class = first_class(&place).await?;
    let written = fill(&place, class, arguments).await?;
    // What was kept for thirty days is kept for one from now on.
    let tx = place.ctx.store.begin(&place.scope).await?;
    let patch = RulePatch {
        duration: Some("P1D".into()),
        ..RulePatch::default()
    };
    retention_rules::update(&tx, &place.ctx, place.rule, None, patch, None).await?;
    tx.save().await?;
    pictures::reload(&place.ctx, &place.scope).await?;
    let budget = retention::Budget {
        rows: u64::MAX,
        ..retention::Budget::default()
    };
    let other = tokio::spawn(write_now_and_then(place.ctx.clone()));
    let started = Instant::now();
    let removed = retention::purge(&place.ctx, budget).await?;
    let took = started.elapsed();
    other.abort();
    let longest = LONGEST.swap(0, std::sync::atomic::Ordering::Relaxed);
    anyhow::ensure!(
        i64::try_from(removed.messages)? == written,
        "{} of {written} rows were removed",
        removed.messages
    );
    Ok((removed.messages as f64 / took.as_secs_f64(), longest as f64 / 1e6))
}

/// Microseconds.
static LONGEST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// Asks for the writer again and again, as the journal would.
async fn write_now_and_then(ctx: domain::Ctx) {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let started = Instant::now();
        if ctx.store.system("a measurement waits for its turn").await.is_ok() {
            let waited = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            LONGEST.fetch_max(waited, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Rows per second of one statement that does the same.
async fn delete(arguments: &Arguments) -> anyhow::Result<f64> {
    let place = Place::on(arguments.store, "P30D").await?;
    let class = first_class(&place).await?;
    let written = fill(&place, class, arguments).await?;
    let line = MessageId::first_at(place.ctx.now() - TimeDelta::days(1)).0;
    let started = Instant::now();
    let tx = place
        .ctx
        .store
        .system("a measurement deletes rows without us")
        .await?;
    let removed = tx
        .delete_many::<message::Entity>()
        .filter(message::Column::ClassId.eq(class))
        .filter(message::Column::Id.lt(line))
        .exec(tx.conn())
        .await?
        .rows_affected;
    tx.save().await?;
    let took = started.elapsed();
    anyhow::ensure!(
        i64::try_from(removed)? == written,
        "{removed} of {written} rows were deleted"
    );
    Ok(removed as f64 / took.as_secs_f64())
}

/// A class that messages of the endpoint are filed under, made the way it always is: by the first message, which goes.
pub(crate) async fn first_class(place: &Place) -> anyhow::Result<i64> {
    let (journal, task) = Journal::start(place.ctx.clone(), Settings::default()).await?;
    let passing = Passing {
        endpoint: place.endpoint,
        sender: Sender::Tenant,
        subject: None,
        purpose: None,
        channel: "main",
        binary: false,
        payload: Bytes::from_static(b"x"),
    };
    let admitted = admission::admit(&place.ctx, passing)?;
    let entry = Entry {
        tenant: place.tenant,
        endpoint: place.endpoint,
        channel: "main".into(),
        subject: None,
        purpose: None,
        class: admitted.class,
        kept: true,
        outbound: false,
        binary: false,
        label: None,
        payload: admitted.payload,
    };
    let stored = journal.record(entry, Box::new(|_| {})).await?;
    journal.stop();
    task.await?;
    let tx = place.ctx.store.system("a measurement makes room").await?;
    let class: Option<i64> = tx
        .find::<message::Entity>()
        .filter(message::Column::Id.eq(stored.id.map(|id| id.0)))
        .select_only()
        .column(message::Column::ClassId)
        .into_tuple()
        .one(tx.conn())
        .await?;
    tx.delete_many::<message::Entity>().exec(tx.conn()).await?;
    tx.save().await?;
    class.ok_or_else(|| anyhow::anyhow!("the first message is not there"))
}
