//! How much processor time this process took, all threads together.

use std::{fs, time::Duration};

use anyhow::Context;

/// Processor time of all threads that live now, to the nanosecond (`/proc/self/task/*/schedstat`, first number).
/// Threads of a runtime live as long as it does, so the difference of two readings is what was used in between.
pub(crate) fn used() -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task").context("processor time is only known on Linux")? {
        // A thread may end between being listed and being read.
        let Ok(line) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let first = line.split_whitespace().next().context("schedstat is empty")?;
        nanoseconds += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
