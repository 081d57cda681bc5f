//! What all runs came to: a table for people, a line of JSON per run for programs.

use std::{
    fs::{self, File},
    io::{Write as _, stdout},
    path::Path,
};

use serde_json::{Value, json};

use super::{
    Arguments, churn, flow, idle,
    machine::Taken,
    plan::{Line, Scenario, Who},
};

/// A run with others using more of a core than this was disturbed.
pub(crate) const DISTURBED_PERCENT: f64 = 20.0;

/// What one run came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Flow(flow::Outcome),
    Idle(idle::Outcome),
    Churn(churn::Outcome),
}

/// Names of figures, as in the JSON.
const RATE: &str = "per_second";
const COST: &str = "server_us";
const BYTES: &str = "bytes_per_session";

impl Outcome {
    fn taken(&self) -> &Taken {
        match self {
            Self::Flow(outcome) => &outcome.taken,
            Self::Idle(outcome) => &outcome.taken,
            Self::Churn(outcome) => &outcome.taken,
        }
    }

    pub(crate) fn is_disturbed(&self) -> bool {
        self.taken().other_percent > DISTURBED_PERCENT
    }

    fn figures(&self) -> Value {
        let taken = self.taken();
        let rate = |count: u64| count as f64 / taken.seconds;
        let cost = |count: u64| taken.server * 1e6 / (count.max(1) as f64);
        let mut figures = match self {
            Self::Flow(outcome) => json!({
                RATE: rate(outcome.delivered),
                COST: cost(outcome.delivered),
                "lost": outcome.lost,
                "doubled": outcome.doubled,
                "p50_ms": outcome.latency.map(|latency| latency[0]),
                "p99_ms": outcome.latency.map(|latency| latency[1]),
                "max_ms": outcome.latency.map(|latency| latency[2]),
            }),
            Self::Idle(outcome) => json!({ BYTES: outcome.bytes_each }),
            Self::Churn(outcome) => json!({
                RATE: rate(outcome.rounds),
                COST: cost(outcome.rounds),
                "errors": outcome.errors,
                "error": outcome.error,
            }),
        };
        figures["server_cpu_pct"] = (100.0 * taken.server / taken.seconds).into();
        figures["client_cpu_pct"] = taken.client_percent.into();
        figures["other_cpu_pct"] = taken.other_percent.into();
        figures["steal_pct"] = taken.steal_percent.into();
        figures
    }
}

/// Everything so far.
pub(crate) struct Summary {
    file: File,
    lines: Vec<(Line, Vec<Value>)>,
}

impl Summary {
    /// Adds runs to this file.
    pub(crate) fn open(path: &Path, lines: Vec<Line>) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self {
            file: File::options().create(true).append(true).open(path)?,
            lines: lines.into_iter().map(|line| (line, Vec::new())).collect(),
        })
    }

    pub(crate) fn add(&mut self, at: usize, run: usize, now: u64, outcome: &Outcome) -> anyhow::Result<()> {
        let (line, runs) = &mut self.lines[at];
        let mut figures = outcome.figures();
        figures["scenario"] = format!("{:?}", line.scenario).into();
        figures["name"] = line.name.clone().into();
        figures["run"] = run.into();
        figures["time"] = now.into();
        figures["disturbed"] = outcome.is_disturbed().into();
        writeln!(self.file, "{figures}")?;
        runs.push(figures);
        Ok(())
    }

    /// Prints a table per scenario: median (least–most) of the runs that nobody disturbed. A star says that there was none.
    pub(crate) fn print(&self, arguments: &Arguments) -> anyhow::Result<()> {
        let mut out = stdout().lock();
        for scenario in Scenario::ALL {
            let lines: Vec<_> = self
                .lines
                .iter()
                .filter(|(line, _)| line.scenario == scenario)
                .collect();
            if lines.is_empty() {
                continue;
            }
            writeln!(out, "\n### {}\n", scenario.title(arguments))?;
            let columns = columns(scenario);
            let names: Vec<&str> = columns.iter().map(|column| column.title).collect();
            writeln!(out, "| what | {} | others' CPU % | goal |", names.join(" | "))?;
            writeln!(out, "|---|{}", "---|".repeat(names.len() + 2))?;
            let bare = lines
                .iter()
                .find(|(line, _)| line.who == Who::Bare)
                .map(|(_, runs)| runs);
            for (line, runs) in &lines {
                let cells: Vec<String> = columns.iter().map(|column| column.cell(runs, bare)).collect();
                let others = Column::figure("", "other_cpu_pct", 0).cell(runs, None);
                let star = if quiet(runs).1 { "" } else { " *" };
                writeln!(
                    out,
                    "| {}{star} | {} | {others} | {} |",
                    line.name,
                    cells.join(" | "),
                    line.goal
                )?;
            }
        }
        writeln!(
            out,
            "\nMedian (least–most) of the undisturbed runs. * Others used more than {DISTURBED_PERCENT} % of a core \
             beside every run of this line."
        )?;
        Ok(())
    }
}

/// The runs to believe, and whether they were undisturbed.
fn quiet(runs: &[Value]) -> (Vec<&Value>, bool) {
    let quiet: Vec<&Value> = runs.iter().filter(|run| run["disturbed"] == false).collect();
    if quiet.is_empty() {
        (runs.iter().collect(), false)
    } else {
        (quiet, true)
    }
}

/// A column of a table.
struct Column {
    title: &'static str,
    figure: &'static str,
    scale: f64,
    digits: usize,
    /// Of the bare loop's figure, instead of the figure itself.
    is_ratio: bool,
}

impl Column {
    const fn figure(title: &'static str, figure: &'static str, digits: usize) -> Self {
        Self {
            title,
            figure,
            scale: 1.0,
            digits,
            is_ratio: false,
        }
    }

    fn cell(&self, runs: &[Value], bare: Option<&Vec<Value>>) -> String {
        let Some([middle, least, most]) = spread(runs, self.figure) else {
            return "–".into();
        };
        let digits = self.digits;
        if self.is_ratio {
            let bare = bare.and_then(|bare| spread(bare, self.figure));
            return bare.map_or_else(|| "–".into(), |[bare, ..]| format!("{:.digits$}", middle / bare));
        }
        let scaled = |figure: f64| format!("{:.digits$}", figure * self.scale);
        format!("{} ({}–{})", scaled(middle), scaled(least), scaled(most))
    }
}

fn columns(scenario: Scenario) -> Vec<Column> {
    let rate = Column {
        scale: 1e-3,
        ..Column::figure("k/s", RATE, 1)
    };
    let ratio = Column {
        is_ratio: true,
        ..Column::figure("of bare", RATE, 2)
    };
    let cost = Column::figure("server CPU µs each", COST, 2);
    let client = Column::figure("client CPU %", "client_cpu_pct", 0);
    match scenario {
        Scenario::FanOut | Scenario::OneByOne | Scenario::Channels => vec![
            rate,
            ratio,
            cost,
            client,
            Column::figure("lost", "lost", 0),
            Column::figure("doubled", "doubled", 0),
        ],
        Scenario::Idle => vec![
            Column {
                scale: 1.0 / 1024.0,
                ..Column::figure("KiB each", BYTES, 2)
            },
            Column::figure("idle CPU %", "server_cpu_pct", 1),
        ],
        Scenario::Churn => vec![rate, ratio, cost, client, Column::figure("errors", "errors", 0)],
        Scenario::Paced => vec![
            Column::figure("p50 ms", "p50_ms", 2),
            Column::figure("p99 ms", "p99_ms", 2),
            Column::figure("max ms", "max_ms", 1),
            cost,
            Column::figure("lost", "lost", 0),
        ],
    }
}

/// Median, least and most of a figure.
fn spread(runs: &[Value], figure: &str) -> Option<[f64; 3]> {
    let (runs, _) = quiet(runs);
    let mut figures: Vec<f64> = runs.iter().filter_map(|run| run[figure].as_f64()).collect();
    figures.sort_by(f64::total_cmp);
    Some([
        *figures.get(figures.len() / 2)?,
        *figures.first()?,
        *figures.last()?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(figures: &[(f64, bool)]) -> Vec<Value> {
        let of = |(figure, disturbed): &(f64, bool)| json!({ RATE: figure, "disturbed": disturbed });
        figures.iter().map(of).collect()
    }

    #[test]
    fn a_disturbed_run_counts_only_where_there_is_no_other() {
        let some = runs(&[(1000.0, false), (9000.0, true), (3000.0, false), (2000.0, false)]);
        assert_eq!(spread(&some, RATE), Some([2000.0, 1000.0, 3000.0]));
        let all = runs(&[(1000.0, true), (9000.0, true), (3000.0, true)]);
        assert_eq!(spread(&all, RATE), Some([3000.0, 1000.0, 9000.0]));
        assert!(!quiet(&all).1);
        assert_eq!(spread(&all, COST), None);
    }

    #[test]
    fn a_ratio_is_of_the_bare_loops_median() {
        let column = Column {
            is_ratio: true,
            ..Column::figure("of bare", RATE, 2)
        };
        let bare = runs(&[(1000.0, false), (1100.0, false), (5000.0, false)]);
        assert_eq!(column.cell(&runs(&[(550.0, false)]), Some(&bare)), "0.50");
        assert_eq!(column.cell(&runs(&[(550.0, false)]), None), "–");
    }
}
