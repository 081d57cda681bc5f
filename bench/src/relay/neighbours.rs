//! Two tenants with relays on one server: the loud one speaks at ten times its pace, and the quiet one's latency is looked at.

use std::{path::PathBuf, time::Duration};

use serde_json::json;
use tokio::task::LocalSet;

use super::{
    WARM_UP,
    back_end::BackEnd,
    client::Paced,
    prepare,
    proxy::{Plan, Weir},
    runtime, weir,
};
use crate::{
    report,
    sockets::machine::{self, Look},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs, every one on a fresh server.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds that each pace is measured, after 0.8 s to warm up.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// End-users of each tenant.
    #[arg(long, default_value_t = 40)]
    sockets: usize,
    /// What each of them says in a second, at first.
    #[arg(long, default_value_t = 10.0)]
    pace: f64,
    /// How many times as much the loud tenant's say then.
    #[arg(long, default_value_t = 10.0)]
    times: f64,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// The weir to measure [default: beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            runs: 3,
            seconds: 5.0,
            sockets: 40,
            pace: 10.0,
            times: 10.0,
            payload: 128,
            server: None,
        }
    }
}

/// What the quiet tenant may notice of it.
const BOUND: f64 = 1.2;

struct Seen {
    p50: f64,
    p99: f64,
    /// Percent of its core that the server used.
    percent: f64,
    other_percent: f64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    prepare(2 * arguments.sockets)?;
    let binary = weir(arguments.server.as_ref())?;
    let runtime = runtime()?;
    let mut seen = Vec::new();
    for _ in 0..arguments.runs {
        seen.push(LocalSet::new().block_on(&runtime, one(arguments, &binary))?);
    }
    let median = |of: &dyn Fn(&(Seen, Seen)) -> f64| report::median(seen.iter().map(of).collect());
    let (before, after) = (median(&|(calm, _)| calm.p99), median(&|(_, loud)| loud.p99));
    // Run by run: both halves of a run had the same machine.
    let ratio = median(&|(calm, loud)| loud.p99 / calm.p99);
    let verdict = if ratio <= BOUND { "holds" } else { "MISSED" };
    let title = format!(
        "A neighbour at {:.0} times its load: {} end-users of each tenant, {:.0} messages a second each",
        arguments.times, arguments.sockets, arguments.pace
    );
    report::table(
        &title,
        &[
            ("the quiet tenant's p99 before", format!("{before:.0} µs")),
            ("and then", format!("{after:.0} µs")),
            ("ratio", format!("{ratio:.2}")),
            ("at most 1.2", verdict.to_owned()),
            (
                "the server's core then",
                format!("{:.0} %", median(&|(_, loud)| loud.percent)),
            ),
        ],
    )?;
    let all: Vec<_> = seen
        .iter()
        .map(|(calm, loud)| {
            json!({
                "p50_before": calm.p50.round(), "p99_before": calm.p99.round(), "p50": loud.p50.round(),
                "p99": loud.p99.round(), "percent": loud.percent.round(), "other_percent": loud.other_percent.round(),
            })
        })
        .collect();
    report::json(&json!({
        "bench": "neighbours", "sockets": arguments.sockets, "pace": arguments.pace, "times": arguments.times,
        "runs_microseconds": all, "p99_ratio": ratio,
    }))
}

async fn one(arguments: &Arguments, binary: &std::path::Path) -> anyhow::Result<(Seen, Seen)> {
    let back_end = BackEnd::start().await?;
    let plan = |slug| vec![Plan::relay(slug, back_end.port(), 0, 2 * arguments.sockets)];
    let house = Weir::build(binary, &[("loud", plan("relay")), ("quiet", plan("relay"))])?;
    let server = house.start()?;
    let open = async |tenant: &'static str, pace: f64| {
        let path = |person| house.path(tenant, "relay", person);
        Paced::open(server.port, arguments.sockets, pace, arguments.payload, path).await
    };
    let quiet = open("quiet", arguments.pace).await?;
    let measure = async |loud: &Paced| {
        tokio::time::sleep(WARM_UP).await;
        quiet.forget();
        let look = Look::now(server.pid())?;
        tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
        let taken = look.taken(server.pid())?;
        quiet.check()?;
        loud.check()?;
        let times = quiet.times();
        anyhow::ensure!(
            times.len() >= 100,
            "only {} echoes: ask for more seconds",
            times.len()
        );
        let at = |share: f64| {
            let index = ((times.len() as f64 * share) as usize).min(times.len() - 1);
            times[index].as_secs_f64() * 1e6
        };
        anyhow::Ok(Seen {
            p50: at(0.5),
            p99: at(0.99),
            percent: 100.0 * taken.server / taken.seconds,
            other_percent: taken.other_percent,
        })
    };
    machine::settle(server.pid(), 10.0, Duration::from_secs(8))?;
    let loud = open("loud", arguments.pace).await?;
    let calm = measure(&loud).await?;
    drop(loud);
    let loud = open("loud", arguments.pace * arguments.times).await?;
    let loud = measure(&loud).await?;
    Ok((calm, loud))
}
