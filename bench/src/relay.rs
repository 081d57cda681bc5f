//! Relays: how many messages a second pass through one core, at what price each, beside what nginx does as a proxy in the same run; what a
//! pooled socket costs that nobody uses; and whether one tenant's load shows in another's latency.
//!
//! The proxy under test has a core of its own; the clients and the back end share the other. A client keeps so many messages under way;
//! the back end sends back what it gets, so each comes through the proxy twice.

mod back_end;
mod client;
mod neighbours;
mod proxy;
mod wire;

use std::{
    env,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::json;
use tokio::task::LocalSet;

use self::{
    back_end::BackEnd,
    client::Load,
    proxy::{Nginx, Plan, Weir},
};
use crate::{
    report,
    sockets::{affinity, machine, process::Process},
};

pub(crate) use self::neighbours::Arguments as NeighboursArguments;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs of each, every one on a fresh process.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds that are measured, after 0.8 s to warm up.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// End-users.
    #[arg(long, default_value_t = 64)]
    sockets: usize,
    /// Messages of each under way.
    #[arg(long, default_value_t = 16)]
    depth: usize,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// Pooled sockets that nobody uses; 0: not measured.
    #[arg(long, default_value_t = 1000)]
    idle: usize,
    /// The weir to measure [default: beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The nginx to measure beside it [default: `nginx` of the path or /usr/sbin]
    #[arg(long, value_name = "FILE")]
    nginx: Option<PathBuf>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            runs: 3,
            seconds: 3.0,
            sockets: 64,
            depth: 16,
            payload: 128,
            idle: 1000,
            server: None,
            nginx: None,
        }
    }
}

/// Before a window is measured.
const WARM_UP: Duration = Duration::from_millis(800);

/// Where weir is, unless it was named.
fn weir(named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let beside = || Some(env::current_exe().ok()?.parent()?.join("weir"));
    named.cloned().or_else(beside).context("where weir is")
}

/// What a window came to.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// Messages through the proxy, both ways.
    per_second: f64,
    /// Of the proxy.
    microseconds_each: f64,
    /// Percent of its core that it used.
    percent: f64,
    /// Percent of a core that others used.
    other_percent: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    prepare(arguments.sockets + arguments.idle)?;
    let binary = weir(arguments.server.as_ref())?;
    let runtime = runtime()?;
    let nginx = Nginx::find(arguments.nginx.as_ref());
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..arguments.runs {
        // In turns, so that a slow quarter of an hour is everybody's.
        if let Some(nginx) = &nginx {
            theirs.push(LocalSet::new().block_on(&runtime, async {
                let back_end = BackEnd::start().await?;
                let proxy = nginx.start(back_end.port())?;
                saturate(arguments, &proxy, |_| Ok("/".to_owned())).await
            })?);
        }
        ours.push(LocalSet::new().block_on(&runtime, async {
            let back_end = BackEnd::start().await?;
            let plan = Plan::relay("relay", back_end.port(), 0, arguments.sockets * 2);
            let house = Weir::build(&binary, &[("bench", vec![plan])])?;
            let proxy = house.start()?;
            saturate(arguments, &proxy, |person| house.path("bench", "relay", person)).await
        })?);
    }
    show(arguments, &theirs, &ours)?;
    if arguments.idle > 0 {
        LocalSet::new().block_on(&runtime, idle(arguments, &binary))?;
    }
    Ok(())
}

/// Enough files, and the generator's core.
fn prepare(sockets: usize) -> anyhow::Result<()> {
    affinity::check()?;
    machine::check_files(4 * sockets as u64 + 1000)?;
    affinity::pin(affinity::GENERATOR)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

async fn saturate(
    arguments: &Arguments,
    proxy: &Process,
    path: impl Fn(usize) -> anyhow::Result<String>,
) -> anyhow::Result<Rate> {
    let load = Load::open(
        proxy.port,
        arguments.sockets,
        arguments.depth,
        arguments.payload,
        path,
    )
    .await?;
    tokio::time::sleep(WARM_UP).await;
    let (before, look) = (load.count(), machine::Look::now(proxy.pid())?);
    tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
    let (echoes, taken) = (load.count() - before, look.taken(proxy.pid())?);
    load.check()?;
    let messages = 2.0 * echoes as f64;
    Ok(Rate {
        per_second: messages / taken.seconds,
        microseconds_each: 1e6 * taken.server / messages.max(1.0),
        percent: 100.0 * taken.server / taken.seconds,
        other_percent: taken.other_percent,
    })
}

fn median(rates: &[Rate], of: impl Fn(&Rate) -> f64) -> f64 {
    report::median(rates.iter().map(of).collect())
}

fn show(arguments: &Arguments, theirs: &[Rate], ours: &[Rate]) -> anyhow::Result<()> {
    let line = |rates: &[Rate]| {
        format!(
            "{}/s, {:.1} µs each, {:.0} % of its core",
            report::grouped(median(rates, |rate| rate.per_second)),
            median(rates, |rate| rate.microseconds_each),
            median(rates, |rate| rate.percent),
        )
    };
    let mut lines = vec![("weir, messages", line(ours))];
    if theirs.is_empty() {
        lines.push(("nginx", "not installed: apt-get install nginx-light".to_owned()));
    } else {
        lines.push(("nginx, messages", line(theirs)));
    }
    let ratio = |of: fn(&Rate) -> f64| (!theirs.is_empty()).then(|| median(ours, of) / median(theirs, of));
    let (speed, price) = (
        ratio(|rate| rate.per_second),
        ratio(|rate| rate.microseconds_each),
    );
    if let (Some(speed), Some(price)) = (speed, price) {
        lines.push(("weir / nginx, messages", format!("{speed:.2}")));
        lines.push(("weir / nginx, processor per message", format!("{price:.2}")));
    }
    let title = format!(
        "Relay, {} end-users with {} messages of {} bytes under way each",
        arguments.sockets, arguments.depth, arguments.payload
    );
    report::table(&title, &lines)?;
    let all = |rates: &[Rate]| -> Vec<_> {
        rates
            .iter()
            .map(|rate| {
                json!({
                    "messages_per_second": rate.per_second.round(), "microseconds_each": rate.microseconds_each,
                    "percent": rate.percent.round(), "other_percent": rate.other_percent.round(),
                })
            })
            .collect()
    };
    report::json(&json!({
        "bench": "relay", "sockets": arguments.sockets, "depth": arguments.depth, "payload": arguments.payload,
        "weir": all(ours), "nginx": all(theirs), "messages_ratio": speed, "processor_ratio": price,
    }))
}

/// How long many sockets may take to open.
const OPENING: Duration = Duration::from_mins(1);

/// What ready sockets cost: memory each, and processor time while nothing happens.
async fn idle(arguments: &Arguments, binary: &std::path::Path) -> anyhow::Result<()> {
    let back_end = BackEnd::start().await?;
    let plans = vec![
        Plan::relay("few", back_end.port(), 0, 1),
        Plan::relay("many", back_end.port(), arguments.idle, arguments.idle + 1),
    ];
    let house = Weir::build(binary, &[("bench", plans)])?;
    let proxy = house.start()?;
    let _few = Load::open(proxy.port, 1, 1, arguments.payload, |person| {
        house.path("bench", "few", person)
    })
    .await?;
    tokio::time::sleep(WARM_UP).await;
    let before = machine::resident(proxy.pid())?;
    let _many = Load::open(proxy.port, 1, 1, arguments.payload, |person| {
        house.path("bench", "many", person)
    })
    .await?;
    let end = Instant::now() + OPENING;
    while back_end.open() < arguments.idle {
        anyhow::ensure!(Instant::now() < end, "{} sockets are open", back_end.open());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let open = back_end.open() as f64;
    tokio::time::sleep(WARM_UP).await;
    let bytes = machine::resident(proxy.pid())?.saturating_sub(before) as f64 / open;
    report::table(
        &format!("{} pooled sockets that nobody uses", arguments.idle),
        &[("resident bytes each", report::grouped(bytes))],
    )?;
    report::json(&json!({ "bench": "relay-idle", "sockets": open, "bytes_each": bytes.round() }))
}

/// Whether one tenant's load shows in another's latency.
pub(crate) fn run_neighbours(arguments: &NeighboursArguments) -> anyhow::Result<()> {
    neighbours::run(arguments)
}
