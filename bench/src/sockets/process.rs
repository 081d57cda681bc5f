//! The servers that are measured: processes of their own on a core of their own, new ones for every run.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{affinity, rest::Rest};

/// A running server. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

/// How long a start or an orderly end may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Process {
    /// The bare loop: this program once more.
    pub(crate) fn bare() -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("bare-loop").stdout(Stdio::piped());
        let child = affinity::beside(|| command.spawn().context("the bare loop does not start"))?;
        let mut process = Self { child, port: 0 };
        let out = process
            .child
            .stdout
            .take()
            .context("the bare loop says nothing")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        process.port = line
            .trim()
            .parse()
            .context("the bare loop did not say its port")?;
        Ok(process)
    }

    /// `weir serve` on this data folder, ready to serve.
    pub(crate) fn weir(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        // Given back at once; nobody takes it in the moment until the server does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = weir(binary, folder)?;
        let log = fs::File::create(folder.with_extension("log"))?;
        command
            .arg("serve")
            .env("WEIR_LISTEN", format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = affinity::beside(|| command.spawn().context("weir does not start"))?;
        let mut process = Self { child, port };
        process.ready().with_context(|| {
            let log = fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            tail.into_iter().rev().collect::<Vec<_>>().join("\n")
        })?;
        Ok(process)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ready(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let asked = Rest::connect(self.port, "").and_then(|mut rest| rest.ask("GET", "/readyz", ""));
            if asked.is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} instead of starting");
            }
            ensure!(Instant::now() < end, "the server is not ready after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end in order, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no such process")?, Signal::TERM)?;
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < end, "the server does not end");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, and its folder is thrown away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with no settings but those that are given to it. What bounds strangers is out of the way: here one address
/// is thousands of people.
pub(crate) fn weir(binary: &Path, folder: &Path) -> anyhow::Result<Command> {
    ensure!(
        binary.exists(),
        "{} is not there: build it with `cargo build --release -p weir`",
        binary.display()
    );
    let mut command = Command::new(binary);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("WEIR_") {
            command.env_remove(name);
        }
    }
    command
        .env("WEIR_DATA_DIR", folder)
        .env("WEIR_HTTP__REQUESTS_PER_SECOND", "1000000")
        .env("WEIR_HTTP__ANONYMOUS_REQUESTS_PER_SECOND", "1000000");
    Ok(command)
}
