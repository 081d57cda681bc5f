//! What the kernel counts: processor time of a process and of the machine, resident memory, and whether anybody else was
//! at work beside a run.

use std::{
    fs, process, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rustix::param::clock_ticks_per_second;

/// Processor time, as a difference of two looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    at: Instant,
    server: u64,
    own: u64,
    busy: u64,
    steal: u64,
}

/// What a stretch of time took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    /// Seconds of one core that the server used, user and system. The kernel's work for its packets is in it.
    pub(crate) server: f64,
    /// Percent of one core that the generator used.
    pub(crate) client_percent: f64,
    /// Percent of one core that neither used: other programs, and interrupts that the kernel put on nobody's bill.
    pub(crate) other_percent: f64,
    /// Percent of one core that the host gave to others.
    pub(crate) steal_percent: f64,
}

impl Look {
    /// Looks now. The clock of the kernel ticks every 10 ms.
    pub(crate) fn now(server: u32) -> anyhow::Result<Self> {
        let (busy, steal) = machine()?;
        Ok(Self {
            at: Instant::now(),
            server: ticks(server)?,
            own: ticks(process::id())?,
            busy,
            steal,
        })
    }

    /// What it took until now.
    pub(crate) fn taken(self, server: u32) -> anyhow::Result<Taken> {
        let now = Self::now(server)?;
        let seconds = now.at.duration_since(self.at).as_secs_f64();
        let per_second = clock_ticks_per_second() as f64;
        let spent = |before: u64, after: u64| after.saturating_sub(before) as f64 / per_second;
        let (theirs, own) = (spent(self.server, now.server), spent(self.own, now.own));
        let percent = |spent: f64| 100.0 * spent.max(0.0) / seconds;
        Ok(Taken {
            seconds,
            server: theirs,
            client_percent: percent(own),
            other_percent: percent(spent(self.busy, now.busy) - theirs - own),
            steal_percent: percent(spent(self.steal, now.steal)),
        })
    }
}

/// User and system time of a process, all its threads, in ticks: fields 14 and 15 of proc (5).
fn ticks(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    // The second field is a name in parentheses and may hold anything.
    let (_, fields) = text.rsplit_once(')').context("no stat")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || {
        fields
            .next()
            .context("a short stat")?
            .parse::<u64>()
            .map_err(anyhow::Error::from)
    };
    Ok(next()? + next()?)
}

/// Ticks that the machine worked, and that the host stole.
fn machine() -> anyhow::Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let first = text.lines().next().context("no stat")?;
    let fields: Vec<u64> = first
        .split_ascii_whitespace()
        .skip(1)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq steal
    let [user, nice, system, _, _, irq, softirq, steal, ..] = fields[..] else {
        anyhow::bail!("a short stat");
    };
    Ok((user + nice + system + irq + softirq, steal))
}

/// Resident bytes of a process.
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no Rss")?;
    Ok(kib.trim().parse::<u64>()? * 1024)
}

/// Waits until others use less than this share of a core, but not for ever: a run says by itself whether it was disturbed.
pub(crate) fn settle(server: u32, percent: f64, patience: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        let look = Look::now(server)?;
        thread::sleep(Duration::from_millis(300));
        if look.taken(server)?.other_percent < percent {
            return Ok(());
        }
    }
    Ok(())
}

/// Fails when so many files cannot be open at once.
pub(crate) fn check_files(wanted: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let mut raised = limit;
        raised.current = limit.maximum;
        setrlimit(Resource::Nofile, raised)?;
    }
    let most = getrlimit(Resource::Nofile).current;
    ensure!(
        most.is_none_or(|most| most >= wanted),
        "{wanted} open files are needed: raise the limit with `ulimit -n`"
    );
    Ok(())
}
