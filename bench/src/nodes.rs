//! From a node to those of another one: what a publisher says at the first is heard by subscribers at the second, through Redis.
//!
//! Two `weir` processes, Postgres, Redis and the generator share the machine, as nothing else would show what a message costs
//! on its way; each message carries its number, so that what was lost, doubled or out of order is seen. A line is measured
//! where nothing is recorded, so that Redis counts, and one where each message is in Postgres before it is delivered. That
//! Postgres does not wait for the disk: how long a disk takes is not what is asked here.

use std::{
    io::{Write as _, stderr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tests::{
    Endpoint, Server, Socket, Tenant,
    backends::{Postgres, Redis},
    eventually,
    socket::Frame,
};
use tokio::{task::JoinSet, time::sleep_until};

use crate::report;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages per second.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Subscribers at the other node.
    #[arg(long, default_value_t = 10)]
    subscribers: usize,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// Seconds that are measured, after two seconds to warm up.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Runs of each line; the medians are shown.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Over a Redis Cluster of three instead of one Redis.
    #[arg(long)]
    redis_cluster: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            rate: 1_000,
            subscribers: 10,
            payload: 128,
            seconds: 10,
            runs: 3,
            redis_cluster: false,
        }
    }
}

const WARM_UP: u32 = 2;
/// Digits of a message's number, which it begins with.
const DIGITS: usize = 8;
/// How long the last message may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one run came to.
struct Figures {
    p50_ms: f64,
    p99_ms: f64,
    most_ms: f64,
    /// How late a message was sent, at the 99th percentile: the generator's own fault.
    late_ms: f64,
    lost: usize,
    doubled: usize,
    disordered: usize,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if !Postgres::is_installed() || !Redis::is_installed() {
        writeln!(
            stderr(),
            "nodes: skipped, since postgresql and redis-server are not installed"
        )?;
        return Ok(());
    }
    ensure!(
        arguments.payload >= DIGITS,
        "a message has at least {DIGITS} bytes"
    );
    let redis = if arguments.redis_cluster {
        Redis::start_cluster()
    } else {
        Redis::start()
    };
    let redis = Arc::new(redis);
    let database = Postgres::shared().database();
    let node = |number: u32| {
        Server::builder()
            .env("WEIR_NODE__NAME", format!("node-{number}"))
            .env("WEIR_NODE__NUMBER", number.to_string())
            .database(database.clone())
            .redis(Arc::clone(&redis))
    };
    let here = node(1).start().await;
    let there = node(2).role("api").beside(&here).start().await;
    for (recorded, name) in [(false, "not recorded"), (true, "recorded before delivery")] {
        let slug = if recorded { "kept" } else { "unkept" };
        let tenant = if recorded {
            here.tenant(slug).await
        } else {
            here.tenant_without_rules(slug).await
        };
        let mut runs = Vec::new();
        for run in 0..arguments.runs.max(1) {
            let endpoint = tenant.channel(&format!("run-{run}")).await;
            runs.push(measure(&arguments, [&here, &there], &tenant, &endpoint).await?);
        }
        show(&arguments, name, &runs)?;
    }
    Ok(())
}

/// A person on a plain socket of a node, with a token from another one.
pub(crate) async fn connect(
    node: &Server,
    home: &Server,
    tenant: &Tenant,
    endpoint: &Endpoint,
    sub: &str,
) -> anyhow::Result<Socket> {
    let token = tenant.token(endpoint, sub).await;
    let base = |node: &Server| node.base().replacen("http", "ws", 1);
    let url = endpoint.url(&token).replacen(&base(home), &base(node), 1);
    let socket = Socket::try_connect(&url, &[]).await;
    let socket = socket.map_err(|refused| anyhow::anyhow!("a socket was refused: {refused:?}"))?;
    Ok(socket.served().await)
}

async fn measure(
    arguments: &Arguments,
    [here, there]: [&Server; 2],
    tenant: &Tenant,
    endpoint: &Endpoint,
) -> anyhow::Result<Figures> {
    let total = (arguments.rate * (WARM_UP + arguments.seconds)) as usize;
    let mut publisher = connect(here, here, tenant, endpoint, "publisher").await?;
    let mut subscribers = JoinSet::new();
    // The first message says that the way is open; it is not counted.
    let mut ears = Vec::new();
    for number in 0..arguments.subscribers {
        let sub = format!("subscriber-{number}");
        ears.push(connect(there, here, tenant, endpoint, &sub).await?);
    }
    eventually("the way from node to node", || async {
        let said = tenant.publish(endpoint, json!({ "data": "open" })).await;
        said.is_success().then_some(())
    })
    .await;
    for mut ear in ears {
        ensure!(ear.text().await == "open", "something else was heard first");
        subscribers.spawn(async move {
            let mut heard = Vec::with_capacity(total);
            while heard.len() < total {
                match ear.within(PATIENCE).await {
                    Some(Frame::Text(text)) => {
                        let at = Instant::now();
                        let number = text.get(..DIGITS).and_then(|number| number.parse().ok());
                        heard.push((number.context("a message without its number")?, at));
                    }
                    None => break,
                    Some(other) => anyhow::bail!("{other:?} instead of a message"),
                }
            }
            anyhow::Ok(heard)
        });
    }
    ensure!(
        publisher.text().await == "open",
        "the publisher hears what others say"
    );
    let start = Instant::now();
    let every = Duration::from_secs(1) / arguments.rate.max(1);
    let (mut sent, mut late) = (Vec::with_capacity(total), Vec::with_capacity(total));
    for number in 0..total {
        let due = start + every * u32::try_from(number)?;
        sleep_until(due.into()).await;
        let now = Instant::now();
        late.push((now - due).as_secs_f64() * 1e3);
        sent.push(now);
        let filler = arguments.payload - DIGITS;
        publisher
            .try_send(format!("{number:0DIGITS$}{:x<filler$}", ""))
            .await
            .context("the publisher's socket ended")?;
    }
    let warm = (arguments.rate * WARM_UP) as usize;
    let mut figures = Figures {
        p50_ms: 0.0,
        p99_ms: 0.0,
        most_ms: 0.0,
        late_ms: percentile(&mut late, 0.99),
        lost: 0,
        doubled: 0,
        disordered: 0,
    };
    let mut took = Vec::new();
    while let Some(heard) = subscribers.join_next().await {
        let heard: Vec<(usize, Instant)> = heard??;
        let mut seen = vec![false; total];
        let mut last = None;
        for (number, at) in heard {
            let known = seen.get_mut(number).context("a number that nobody said")?;
            figures.doubled += usize::from(std::mem::replace(known, true));
            figures.disordered += usize::from(last.is_some_and(|last| number < last));
            last = Some(number);
            if number >= warm {
                took.push((at - sent[number]).as_secs_f64() * 1e3);
            }
        }
        figures.lost += seen.iter().filter(|seen| !**seen).count();
    }
    figures.p50_ms = percentile(&mut took, 0.5);
    figures.p99_ms = percentile(&mut took, 0.99);
    figures.most_ms = percentile(&mut took, 1.0);
    Ok(figures)
}

/// The figure that a share of all are not above.
pub(crate) fn percentile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let index = (share * figures.len() as f64) as usize;
    let last = figures.len().saturating_sub(1);
    figures.get(index.min(last)).copied().unwrap_or_default()
}

fn show(arguments: &Arguments, name: &str, runs: &[Figures]) -> anyhow::Result<()> {
    let median = |of: fn(&Figures) -> f64| report::median(runs.iter().map(of).collect());
    let sum = |of: fn(&Figures) -> usize| runs.iter().map(of).sum::<usize>();
    let (p50, p99) = (median(|run| run.p50_ms), median(|run| run.p99_ms));
    let (most, late) = (median(|run| run.most_ms), median(|run| run.late_ms));
    let (lost, doubled) = (sum(|run| run.lost), sum(|run| run.doubled));
    let disordered = sum(|run| run.disordered);
    let carrier = if arguments.redis_cluster {
        "a Redis Cluster"
    } else {
        "one Redis"
    };
    let millis = |figure: f64| format!("{figure:.2} ms");
    report::table(
        &format!(
            "nodes: {} messages/s of {} bytes to {} subscribers of another node over {carrier}, {name}",
            arguments.rate, arguments.payload, arguments.subscribers
        ),
        &[
            ("heard after, median", millis(p50)),
            ("heard after, 99th percentile", millis(p99)),
            ("heard after, longest", millis(most)),
            ("sent late, 99th percentile", millis(late)),
            ("lost", lost.to_string()),
            ("doubled", doubled.to_string()),
            ("out of order", disordered.to_string()),
        ],
    )?;
    report::json(&json!({
        "bench": "nodes",
        "rate": arguments.rate,
        "subscribers": arguments.subscribers,
        "payload": arguments.payload,
        "seconds": arguments.seconds,
        "runs": runs.len(),
        "redis_cluster": arguments.redis_cluster,
        "name": name,
        "p50_ms": p50,
        "p99_ms": p99,
        "most_ms": most,
        "late_p99_ms": late,
        "lost": lost,
        "doubled": doubled,
        "disordered": disordered,
    }))
}
