//! What is measured: every line of the report, with its goal.

use std::time::Duration;

use super::{
    Arguments,
    flow::{Load, Pace},
    speech::Way,
    stamp::Shape,
};

/// A chapter of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// One channel, many readers, messages as fast as they go.
    FanOut,
    /// The same with one message at a time: nothing can be put together.
    OneByOne,
    /// Many channels with few readers each.
    Channels,
    /// Memory of sessions that are only there.
    Idle,
    /// Sessions that come and go.
    Churn,
    /// How long messages take when there are few.
    Paced,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The bare loop.
    Bare,
    /// Weir: nothing kept, nothing asked.
    Plain,
    /// Weir: every message recorded durably and sealed before delivery, every person asked for consent, every message
    /// looked through for data types.
    Gated,
}

/// What is done.
#[derive(Clone)]
pub(crate) enum Work {
    Flow { channels: usize, load: Load },
    Idle { channels: usize },
    Churn,
}

/// A line of the report.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) scenario: Scenario,
    pub(crate) name: String,
    pub(crate) who: Who,
    pub(crate) work: Work,
    /// In words; empty: none.
    pub(crate) goal: &'static str,
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::FanOut,
        Self::OneByOne,
        Self::Channels,
        Self::Idle,
        Self::Churn,
        Self::Paced,
    ];

    pub(crate) fn title(self, arguments: &Arguments) -> String {
        let Arguments {
            subscribers, payload, ..
        } = arguments;
        match self {
            Self::FanOut => {
                format!("Fan-out: 1 channel × {subscribers} subscribers, {payload} bytes, 16 in flight")
            }
            Self::OneByOne => {
                format!("Fan-out: 1 channel × {subscribers} subscribers, {payload} bytes, 1 in flight")
            }
            Self::Channels => format!(
                "Channels: {} channels × 2 subscribers, {payload} bytes, 64 in flight",
                arguments.channels
            ),
            Self::Idle => format!(
                "Idle: {} sessions, one private subscription each",
                arguments.sessions
            ),
            Self::Churn => "Churn: 32 loops of connect, upgrade, subscribe, close".into(),
            Self::Paced => {
                format!("Paced: 20 publishes/s × {subscribers} subscribers, {payload} bytes")
            }
        }
    }
}

const BATCH: usize = 8;

/// Every line that was asked for.
pub(crate) fn lines(arguments: &Arguments) -> Vec<Line> {
    let mut lines = Vec::new();
    for scenario in Scenario::ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&scenario) {
            continue;
        }
        lines.extend(of(scenario, arguments));
    }
    lines.retain(|line| line.name.contains(&arguments.name));
    lines
}

fn of(scenario: Scenario, arguments: &Arguments) -> Vec<Line> {
    let flow =
        |who: Who, way: Way, pace: Pace, (channels, readers): (usize, usize), window: Duration| Work::Flow {
            channels,
            load: Load {
                shape: Shape {
                    bytes: arguments.payload,
                    json: who == Who::Gated,
                },
                readers,
                speaks_on: channels.min(100),
                way,
                pace,
                warm_up: Duration::from_millis(800),
                window,
            },
        };
    let window = Duration::from_secs_f64(arguments.seconds);
    let one = (1, arguments.subscribers);
    let many = (arguments.channels, 2);
    let line = |who: Who, what: &str, work: Work, goal: &'static str| {
        let name = match who {
            Who::Bare => "bare loop".to_owned(),
            Who::Plain => "weir".to_owned(),
            Who::Gated => "weir, recorded, sealed, gated".to_owned(),
        };
        Line {
            scenario,
            name: if what.is_empty() {
                name
            } else {
                format!("{name}: {what}")
            },
            who,
            work,
            goal,
        }
    };
    let flows =
        |pace: Pace, at: (usize, usize), window: Duration, list: &[(Who, &str, Way, &'static str)]| {
            let of = |(who, what, way, goal): &(Who, &str, Way, &'static str)| {
                line(*who, what, flow(*who, *way, pace, at, window), goal)
            };
            list.iter().map(of).collect::<Vec<_>>()
        };
    let http = |connections| Way::Http { connections };
    let batch = |connections| Way::Batch {
        messages: BATCH,
        connections,
    };
    match scenario {
        Scenario::FanOut => flows(
            Pace::InFlight(16),
            one,
            window,
            &[
                (Who::Bare, "", Way::Socket, ""),
                (
                    Who::Plain,
                    "client events",
                    Way::Socket,
                    "≥ 1,000 k/s, ≤ 1.0 µs, ≥ 0.65 of bare",
                ),
                (
                    Who::Plain,
                    "batch_events, 8 each",
                    batch(2),
                    "≥ 1,000 k/s, ≤ 1.0 µs, ≥ 0.65 of bare",
                ),
                (Who::Plain, "events over HTTP", http(16), "≥ 400 k/s, ≤ 2.4 µs"),
                (Who::Gated, "client events", Way::Socket, ""),
                (Who::Gated, "events over HTTP", http(16), ""),
            ],
        ),
        Scenario::OneByOne => flows(
            Pace::InFlight(1),
            one,
            window,
            &[
                (Who::Bare, "", Way::Socket, ""),
                (Who::Plain, "client events", Way::Socket, "≤ 7 µs"),
                (Who::Plain, "events over HTTP", http(1), "≤ 7 µs"),
            ],
        ),
        Scenario::Channels => flows(
            Pace::InFlight(64),
            many,
            window,
            &[
                (Who::Bare, "", Way::Socket, ""),
                (Who::Plain, "client events", Way::Socket, "≥ 80 k/s"),
                (Who::Plain, "batch_events, 8 each", batch(8), "≥ 80 k/s"),
                (Who::Plain, "events over HTTP", http(64), "≥ 80 k/s"),
                (Who::Gated, "client events", Way::Socket, "≥ 50 k/s"),
                (Who::Gated, "batch_events, 8 each", batch(8), "≥ 50 k/s"),
                (Who::Gated, "events over HTTP", http(64), "≥ 50 k/s"),
            ],
        ),
        Scenario::Idle => vec![
            line(Who::Bare, "", Work::Idle { channels: 1 }, ""),
            line(
                Who::Plain,
                "all on one channel",
                Work::Idle { channels: 1 },
                "≤ 4 KiB",
            ),
            line(
                Who::Plain,
                "each on a channel of its own",
                Work::Idle {
                    channels: arguments.sessions,
                },
                "",
            ),
        ],
        Scenario::Churn => vec![
            line(Who::Bare, "", Work::Churn, ""),
            line(Who::Plain, "", Work::Churn, "≥ 12 k/s, ≤ 60 µs"),
        ],
        Scenario::Paced => flows(
            Pace::PerSecond(20),
            one,
            // Enough messages for a 99th percentile.
            window.max(Duration::from_secs(4)),
            &[
                (Who::Bare, "", Way::Socket, ""),
                (Who::Plain, "client events", Way::Socket, "p99 ≤ 12 ms"),
                (Who::Plain, "events over HTTP", http(4), "p99 ≤ 12 ms"),
            ],
        ),
    }
}
