//! A copy of a person's data among many messages: how fast it is made and how much memory that takes, beside a bare scan
//! of the same rows in the same store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use chrono::TimeDelta;
use domain::{
    admission::{self, Passing, Sender},
    exports,
    ids::MessageId,
    journal::{Entry, Journal, Settings},
    requests::{self, NewForSubject, Outcome},
    subjects,
};
use entity::{id::SubjectId, request::RequestKind};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{place::Place, purge::first_class, report, rows::Rows};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages in the store.
    #[arg(long, default_value_t = 1_000_000)]
    messages: i64,
    /// Those that are the person's, sealed as they always are.
    #[arg(long, default_value_t = 100_000)]
    own: usize,
    /// Bytes per message.
    #[arg(long, default_value_t = 200)]
    payload: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            messages: 1_000_000,
            own: 100_000,
            payload: 200,
        }
    }
}

/// Publishers at the same time, while the store is filled.
const PUBLISHERS: usize = 256;

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let place = Arc::new(Place::new("P30D").await?);
    let ctx = &place.ctx;
    let person = subjects::get_or_create(ctx, &place.scope, "ada").await?;
    fill_others(&place, &arguments).await?;
    fill_own(&place, &arguments, person).await?;

    let tx = ctx.store.begin(&place.scope).await?;
    let new = NewForSubject {
        kind: RequestKind::Access,
        subject: person,
        note: None,
        notify: false,
        details: requests::Details::default(),
        language: None,
    };
    let request = requests::create_for_subject(&tx, ctx, new).await?;
    tx.save().await?;
    let request = requests::begin(ctx, &place.scope, request.id).await?;
    // What filling took is given back, or is counted as idle.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = resident()?;
    let watch = Watch::begin();
    let began = Instant::now();
    let request = exports::build(ctx, &place.scope, request).await?;
    let took = began.elapsed().as_secs_f64();
    let above = watch.end().saturating_sub(idle);
    let outcome = Outcome::of(&request)?.context("an outcome")?;
    ensure!(
        outcome.messages == arguments.own as u64,
        "{} of {} messages are in the copy",
        outcome.messages,
        arguments.own
    );

    let (rows, bare) = scan(&place, person).await?;
    ensure!(rows == arguments.own, "a bare scan finds {rows}");
    report::table(
        &format!(
            "export: {rows} messages of one person among {}",
            arguments.messages
        ),
        &[
            ("until the copy is made", format!("{took:.1} s")),
            ("messages per second", report::grouped(rows as f64 / took)),
            (
                "memory above idle, at most",
                format!("{:.1} MiB", above as f64 / 1_048_576.0),
            ),
            ("a bare scan of the same rows", format!("{bare:.2} s")),
            ("rows per second", report::grouped(rows as f64 / bare)),
        ],
    )?;
    report::json(&json!({
        "bench": "export",
        "messages": arguments.messages,
        "own": rows,
        "seconds": took,
        "bytes_above_idle": above,
        "bare_seconds": bare,
    }))
}

async fn fill_others(place: &Place, arguments: &Arguments) -> anyhow::Result<()> {
    let class = first_class(place).await?;
    let rows = Rows::sized(place, class, arguments.payload, 16, 1_000);
    let first = MessageId::first_at(place.ctx.now() - TimeDelta::days(1)).0;
    let others = arguments.messages - i64::try_from(arguments.own)?;
    let mut written = 0;
    while written < others {
        let tx = place.ctx.store.system("a measurement fills a store").await?;
        for _ in 0..20 {
            if written < others {
                rows.write(&tx, first + written, written).await?;
                written += rows.at_once();
            }
        }
        tx.save().await?;
    }
    Ok(())
}

async fn fill_own(place: &Arc<Place>, arguments: &Arguments, person: SubjectId) -> anyhow::Result<()> {
    let (journal, task) = Journal::start(place.ctx.clone(), Settings::default()).await?;
    let mut running = JoinSet::new();
    for number in 0..PUBLISHERS {
        let (place, journal) = (place.clone(), journal.clone());
        let text = format!(
            r#"{{"text":"{}"}}"#,
            "x".repeat(arguments.payload.saturating_sub(11))
        );
        let payload = Bytes::from(text);
        let share = arguments.own / PUBLISHERS + usize::from(number < arguments.own % PUBLISHERS);
        running.spawn(async move {
            let channel: Arc<str> = format!("channel-{}", number % 16).into();
            for _ in 0..share {
                let passing = Passing {
                    endpoint: place.endpoint,
                    sender: Sender::Tenant,
                    subject: None,
                    purpose: None,
                    channel: &channel,
                    binary: false,
                    payload: payload.clone(),
                };
                let admitted = admission::admit(&place.ctx, passing)?;
                let entry = Entry {
                    tenant: place.tenant,
                    endpoint: place.endpoint,
                    channel: channel.clone(),
                    subject: Some(person),
                    purpose: admitted.purpose,
                    class: admitted.class,
                    kept: true,
                    outbound: false,
                    binary: false,
                    label: None,
                    payload: admitted.payload,
                };
                journal.record(entry, Box::new(|_| {})).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    journal.stop();
    task.await?;
    Ok(())
}

/// Reads the same rows, a batch at a time as we do, and does nothing with them.
async fn scan(place: &Place, person: SubjectId) -> anyhow::Result<(usize, f64)> {
    let tx = place.ctx.store.read(&place.scope).await?;
    let (mut found, mut after) = (0, i64::MIN);
    let began = Instant::now();
    loop {
        let statement = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            "SELECT id, channel_id, position, bucket_id, sealed FROM message \
             WHERE tenant_id = ? AND subject_id = ? AND id > ? ORDER BY id LIMIT 500",
            [place.tenant.0.into(), person.0.into(), after.into()],
        );
        let rows = tx.conn().query_all_raw(statement).await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get_by_index(0)?;
        for row in &rows {
            let sealed: Vec<u8> = row.try_get_by_index(4)?;
            found += usize::from(!sealed.is_empty());
        }
    }
    Ok((found, began.elapsed().as_secs_f64()))
}

/// Resident bytes of this process.
fn resident() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").context("memory is only known on Linux")?;
    let pages = text.split_whitespace().nth(1).context("statm is empty")?;
    Ok(pages.parse::<u64>()? * rustix::param::page_size() as u64)
}

/// Looks at the memory every few milliseconds.
struct Watch {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn begin() -> Self {
        let (peak, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, told) = (peak.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if let Ok(now) = resident() {
                    seen.fetch_max(now, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { peak, stop, thread }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.peak.load(Ordering::Relaxed)
    }
}
