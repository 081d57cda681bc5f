//! The socket front from outside: how many deliveries a second, at what price each, how much memory an idle session holds,
//! how fast sessions come and go, how long a message takes. The server is `weir serve` as anybody starts it, on one core;
//! the generator has the other. A bare loop of sockets is measured in the same run, and every figure stands beside its.
//!
//! `docs/benchmarks.md` says how the figures are obtained and what they were.

pub(crate) mod affinity;
mod bare;
mod churn;
mod dialect;
mod flow;
mod frame;
mod herd;
mod house;
mod idle;
pub(crate) mod machine;
mod plan;
pub(crate) mod process;
mod rest;
mod socket;
pub(crate) mod speech;
mod stamp;
mod summary;

use std::{
    env,
    io::{Write as _, stderr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;

use self::{
    dialect::Dialect,
    house::{House, Running},
    plan::{Line, Scenario, Who, Work},
    process::Process,
    socket::Party,
    summary::{Outcome, Summary},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these scenarios.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Only lines whose name contains this.
    #[arg(long, default_value = "")]
    name: String,
    /// Runs of each, every one on a fresh server.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How often a run is repeated that was disturbed by other programs.
    #[arg(long, default_value_t = 2)]
    repeats: usize,
    /// Seconds that are measured, after 0.8 s to warm up.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Bytes per message.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// Subscribers of the one channel.
    #[arg(long, default_value_t = 1000)]
    subscribers: usize,
    /// Channels where there are many.
    #[arg(long, default_value_t = 1000)]
    channels: usize,
    /// Idle sessions.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// The weir to measure [default: beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where each run adds its line of JSON [default: target/bench/sockets.jsonl]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            name: String::new(),
            runs: 3,
            repeats: 2,
            seconds: 2.0,
            payload: 128,
            subscribers: 1000,
            channels: 1000,
            sessions: 10_000,
            server: None,
            out: None,
        }
    }
}

/// How long a run waits for others to be quiet, and below which share of a core they are.
const QUIET: (f64, Duration) = (10.0, Duration::from_secs(8));
const CHURN_LOOPS: usize = 32;

/// The bare loop, as a process of its own.
pub(crate) fn bare_loop() -> anyhow::Result<()> {
    bare::serve()
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    affinity::check()?;
    machine::check_files(arguments.sessions as u64 + 1000)?;
    let here = env::current_exe()?;
    let beside = |name: &str| here.parent().map(|folder| folder.join(name));
    let server = arguments
        .server
        .clone()
        .or_else(|| beside("weir"))
        .context("where weir is")?;
    let out = arguments
        .out
        .clone()
        .or_else(|| beside("../bench/sockets.jsonl"))
        .context("where to write")?;
    affinity::pin(affinity::GENERATOR)?;
    let lines = plan::lines(arguments);
    let is_wanted = |who: Who| lines.iter().any(|line| line.who == who);
    // One more for each that may publish.
    let persons = if is_wanted(Who::Gated) {
        arguments.subscribers.max(2 * arguments.channels) + arguments.channels
    } else {
        0
    };
    let house = if is_wanted(Who::Plain) || is_wanted(Who::Gated) {
        say("preparing a data folder")?;
        Some(House::build(&server, persons)?)
    } else {
        None
    };
    let mut summary = Summary::open(&out, lines.clone())?;
    // Lines take turns, so that a slow quarter of an hour is everybody's.
    for run in 1..=arguments.runs {
        for (at, line) in lines.iter().enumerate() {
            for repeat in 0..=arguments.repeats {
                let outcome = match measure(line, arguments, house.as_ref(), run) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        say(&format!(
                            "run {run}, {:?}, {}: FAILED: {error:#}",
                            line.scenario, line.name
                        ))?;
                        break;
                    }
                };
                summary.add(at, run, speech::now()?, &outcome)?;
                if !outcome.is_disturbed() {
                    break;
                }
                let again = if repeat < arguments.repeats {
                    ", once more"
                } else {
                    ""
                };
                say(&format!("  disturbed{again}"))?;
            }
        }
    }
    summary.print(arguments)
}

fn measure(line: &Line, arguments: &Arguments, house: Option<&House>, run: usize) -> anyhow::Result<Outcome> {
    let server = match (line.who, house) {
        (Who::Bare, _) => Server::Bare(Process::bare()?),
        (_, Some(house)) => Server::Weir(house.start()?),
        (_, None) => anyhow::bail!("no data folder"),
    };
    let (pid, port) = (server.process().pid(), server.process().port);
    say(&format!(
        "run {run}, {:?}, {} (pid {pid})",
        line.scenario, line.name
    ))?;
    let dialect = match (line.who, house) {
        (Who::Plain, Some(house)) => Dialect::Pusher(house.plain.clone()),
        (Who::Gated, Some(house)) => Dialect::Pusher(house.gated.clone()),
        _ => Dialect::Bare,
    };
    let channels = match &line.work {
        Work::Flow { channels, .. } | Work::Idle { channels } => *channels,
        Work::Churn => 1,
    };
    let party = Party {
        port,
        dialect,
        names: (0..channels)
            .map(|channel| format!("private-c{channel:05}"))
            .collect(),
    };
    machine::settle(pid, QUIET.0, QUIET.1)?;
    Ok(match &line.work {
        Work::Flow { load, .. } => {
            let tokens = match (line.who, house) {
                (Who::Gated, Some(house)) => Some(house),
                _ => None,
            };
            let token = |person| tokens.map(|house| house.token(person)).transpose();
            Outcome::Flow(flow::run(&party, load, pid, token)?)
        }
        Work::Idle { .. } => Outcome::Idle(idle::run(&party, arguments.sessions, pid)?),
        Work::Churn => {
            let (warm_up, window) = (
                Duration::from_millis(800),
                Duration::from_secs_f64(arguments.seconds),
            );
            Outcome::Churn(churn::run(&party, CHURN_LOOPS, pid, warm_up, window)?)
        }
    })
}

/// Whatever is measured. It ends with this.
enum Server {
    Bare(Process),
    Weir(Running),
}

impl Server {
    fn process(&self) -> &Process {
        match self {
            Self::Bare(process) => process,
            Self::Weir(running) => &running.process,
        }
    }
}

/// How far it is, for whoever waits.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(stderr().lock(), "{text}")?;
    Ok(())
}
