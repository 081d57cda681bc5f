//! Which core does what: servers on one, the generator on the other, so that every figure is per one server core.

use std::thread::available_parallelism;

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of whatever is measured.
pub(crate) const SERVER: usize = 0;
/// The core of the generator.
pub(crate) const GENERATOR: usize = 1;

/// Keeps the calling thread, and whatever it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("core {core} is not to be had"))
}

/// Does something while this thread is on the servers' core: a process started there stays there.
pub(crate) fn beside<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let before = sched_getaffinity(None).context("which cores are ours")?;
    pin(SERVER)?;
    let done = work();
    sched_setaffinity(None, &before).context("back to where it was")?;
    done
}

/// Fails where there are not two cores: sharing one would measure the scheduler.
pub(crate) fn check() -> anyhow::Result<()> {
    let cores = available_parallelism().map_or(1, usize::from);
    anyhow::ensure!(
        cores >= 2,
        "two cores are needed, one for the server and one for the generator"
    );
    Ok(())
}
