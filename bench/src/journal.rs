//! The journal under publishers that each wait for their acknowledgement before they go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use domain::{
    admission::{self, Passing, Sender},
    journal::{Entry, Journal, Settings},
};
use serde_json::json;
use tokio::task::JoinSet;
use vault::message::OVERHEAD;

use crate::{
    cpu,
    place::{On, Place},
    report,
    rows::Rows,
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Publishers at the same time, one measurement each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 1024])]
    publishers: Vec<usize>,
    /// Channels that they publish on.
    #[arg(long, default_value_t = 16)]
    channels: usize,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// Seconds per measurement, after one second to warm up.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// The store to measure on.
    #[arg(long, value_enum, default_value_t)]
    store: On,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            publishers: vec![1, 64, 1024],
            channels: 16,
            payload: 128,
            seconds: 4,
            store: On::default(),
        }
    }
}

/// What one measurement came to.
struct Figures {
    per_second: f64,
    cpu_micros: f64,
    p50_micros: f64,
    p99_micros: f64,
    group: f64,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.store.is_there(), "postgresql is not installed");
    for publishers in &arguments.publishers {
        let ours = measure(&arguments, *publishers).await?;
        // The same bytes in the same transactions, nothing else.
        let bare = bare(&arguments, ours.group).await?;
        report::table(
            &format!(
                "journal: {publishers} publishers, {} bytes, sealed, durable ({})",
                arguments.payload,
                arguments.store.name()
            ),
            &[
                ("messages per second", report::grouped(ours.per_second)),
                ("processor time per message", format!("{:.2} µs", ours.cpu_micros)),
                (
                    "acknowledged, median",
                    format!("{:.2} ms", ours.p50_micros / 1000.0),
                ),
                (
                    "acknowledged, 99th percentile",
                    format!("{:.2} ms", ours.p99_micros / 1000.0),
                ),
                ("messages per transaction", format!("{:.1}", ours.group)),
                ("bare inserts per second, same groups", report::grouped(bare.0)),
                ("processor time per bare insert", format!("{:.2} µs", bare.1)),
                (
                    "of the bare rate",
                    format!("{:.0} %", 100.0 * ours.per_second / bare.0),
                ),
            ],
        )?;
        report::json(&json!({
            "bench": "journal",
            "store": arguments.store.name(),
            "publishers": publishers,
            "channels": arguments.channels,
            "payload": arguments.payload,
            "messages_per_second": ours.per_second.round(),
            "cpu_us_per_message": ours.cpu_micros,
            "ack_p50_us": ours.p50_micros,
            "ack_p99_us": ours.p99_micros,
            "messages_per_commit": ours.group,
            "bare_rows_per_second": bare.0.round(),
            "bare_cpu_us_per_row": bare.1,
        }))?;
    }
    Ok(())
}

async fn measure(arguments: &Arguments, publishers: usize) -> anyhow::Result<Figures> {
    let place = Arc::new(Place::on(arguments.store, "P30D").await?);
    let (journal, task) = Journal::start(place.ctx.clone(), Settings::default()).await?;
    let counting = Arc::new(AtomicBool::new(false));
    let stopping = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    for number in 0..publishers {
        let (place, journal) = (place.clone(), journal.clone());
        let (counting, stopping) = (counting.clone(), stopping.clone());
        let channel: Arc<str> = format!("channel-{}", number % arguments.channels.max(1)).into();
        let payload = Bytes::from(vec![b'x'; arguments.payload]);
        running.spawn(async move {
            let mut waited = Vec::new();
            while !stopping.load(Ordering::Relaxed) {
                let started = Instant::now();
                publish(&place, &journal, &channel, payload.clone()).await?;
                if counting.load(Ordering::Relaxed) {
                    waited.push(started.elapsed());
                }
            }
            anyhow::Ok(waited)
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, used, started) = (journal.stats(), cpu::used()?, Instant::now());
    counting.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let (after, used, took) = (
        journal.stats(),
        cpu::used()?.saturating_sub(used),
        started.elapsed(),
    );
    stopping.store(true, Ordering::Relaxed);
    let mut waited = Vec::new();
    while let Some(publisher) = running.join_next().await {
        waited.extend(publisher??);
    }
    journal.stop();
    task.await?;
    waited.sort_unstable();
    let at = |share: f64| {
        let index = (share * waited.len() as f64) as usize;
        waited
            .get(index.min(waited.len().saturating_sub(1)))
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let messages = (after.recorded - before.recorded) as f64;
    anyhow::ensure!(messages > 0.0, "nothing was recorded");
    Ok(Figures {
        per_second: messages / took.as_secs_f64(),
        cpu_micros: used.as_secs_f64() * 1e6 / messages,
        p50_micros: at(0.5),
        p99_micros: at(0.99),
        group: messages / (after.commits - before.commits).max(1) as f64,
    })
}

/// What a message costs from the moment that the endpoint has it: admission, queue, seal, commit, acknowledgement.
async fn publish(place: &Place, journal: &Journal, channel: &Arc<str>, payload: Bytes) -> anyhow::Result<()> {
    let passing = Passing {
        endpoint: place.endpoint,
        sender: Sender::Tenant,
        subject: None,
        purpose: None,
        channel,
        binary: false,
        payload,
    };
    let admitted = admission::admit(&place.ctx, passing)?;
    let entry = Entry {
        tenant: place.tenant,
        endpoint: place.endpoint,
        channel: channel.clone(),
        subject: None,
        purpose: admitted.purpose,
        class: admitted.class,
        kept: true,
        outbound: false,
        binary: false,
        label: None,
        payload: admitted.payload,
    };
    journal.record(entry, Box::new(|_| {})).await?;
    Ok(())
}

/// Rows per second and microseconds of processor time per row of bare inserts, with about as many rows per transaction.
async fn bare(arguments: &Arguments, group: f64) -> anyhow::Result<(f64, f64)> {
    let place = Place::on(arguments.store, "P30D").await?;
    let rows = Rows::sized(
        &place,
        1,
        arguments.payload + OVERHEAD,
        i64::try_from(arguments.channels.max(1))?,
        group.round().max(1.0) as usize,
    );
    let mut row = 0;
    let (used, started) = (cpu::used()?, Instant::now());
    while started.elapsed() < Duration::from_secs(arguments.seconds) {
        let tx = place
            .ctx
            .store
            .system("a measurement writes rows without us")
            .await?;
        rows.write(&tx, 1 + row, row).await?;
        tx.save().await?;
        row += rows.at_once();
    }
    let (used, took) = (cpu::used()?.saturating_sub(used), started.elapsed());
    let written = row as f64;
    Ok((written / took.as_secs_f64(), used.as_secs_f64() * 1e6 / written))
}
