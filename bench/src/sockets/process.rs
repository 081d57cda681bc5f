//! The servers that are measured: processes of their own on a core of their own, new ones for every run.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{affinity, rest::Rest};

/// A running server. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// What goes with it.
    _home: Option<TempDir>,
}

/// How long a start or an orderly end may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Process {
    /// The bare loop: this program once more.
    pub(crate) fn bare() -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("bare-loop").stdout(Stdio::piped());
        let child = affinity::beside(|| command.spawn().context("the bare loop does not start"))?;
        let mut process = Self {
            child,
            port: 0,
            _home: None,
        };
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
        let mut process = Self {
            child,
            port,
            _home: None,
        };
        process.ready().with_context(|| {
            let log = fs::read_to_string(folder.with_extension("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            tail.into_iter().rev().collect::<Vec<_>>().join("\n")
        })?;
        Ok(process)
    }

    /// Somebody else's program, once it takes connections on this port.
    pub(crate) fn other(mut command: Command, port: u16, home: TempDir) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = affinity::beside(|| command.spawn().context("it does not start"))?;
        let mut process = Self {
            child,
            port,
            _home: Some(home),
        };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("it ended with {status} instead of starting");
            }
            ensure!(Instant::now() < end, "it is not ready after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
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

/// Makes what a plan says in a data folder. Answers what `weir bootstrap` says that it made.
pub(crate) fn bootstrap(binary: &Path, folder: &Path, plan: &Path) -> anyhow::Result<Value> {
    let output = weir(binary, folder)?
        .args(["bootstrap", "--file"])
        .arg(plan)
        .stdin(Stdio::null())
        .output()
        .context("weir bootstrap")?;
    ensure!(
        output.status.success(),
        "weir bootstrap: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("weir bootstrap")
}
