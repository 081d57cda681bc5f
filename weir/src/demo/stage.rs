//! Where the story plays: on a server that runs already, or on one of our own in a folder that is thrown away.

use std::{
    env,
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use url::Url;

use super::{rest::Rest, teller::Teller};

/// The place.
pub(super) struct Stage {
    /// The server.
    pub(super) base: Url,
    /// Its data folder, where it is in reach.
    pub(super) folder: Option<PathBuf>,
    // Killed when dropped, before its folder goes.
    _own: Option<Own>,
    /// For whatever is needed on the way.
    pub(super) scratch: TempDir,
}

/// A server that belongs to the story.
pub(super) struct Own {
    /// Where it listens.
    pub(super) base: Url,
    child: Child,
}

/// How long a start may take.
const PATIENCE: Duration = Duration::from_mins(1);

impl Stage {
    /// Finds the given server or starts one.
    pub(super) async fn open(teller: &Teller, url: Option<Url>, folder: Option<PathBuf>) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("weir-demo-")
            .tempdir()
            .context("there is no room for temporary files")?;
        if let Some(base) = url {
            ready(&base, None).await?;
            teller.aside(format!("plays on {base}, which runs already"))?;
            return Ok(Self {
                base,
                folder,
                _own: None,
                scratch,
            });
        }
        let folder = scratch.path().join("weir-data");
        let own = Own::start(&folder).await?;
        teller.aside(format!(
            "plays on a server of its own at {}, in a folder that is thrown away",
            own.base
        ))?;
        Ok(Self {
            base: own.base.clone(),
            folder: Some(folder),
            _own: Some(own),
            scratch,
        })
    }
}

impl Own {
    /// Starts a server on a data folder.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        // Given back at once; nobody else takes it in the moment until the server does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let base: Url = format!("http://127.0.0.1:{port}").parse()?;
        let log = folder.with_extension("log");
        let file = File::options().create(true).append(true).open(&log)?;
        let mut command = weir()?;
        command
            .arg("serve")
            .env("WEIR_LISTEN", format!("127.0.0.1:{port}"))
            .env("WEIR_DATA_DIR", folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true);
        let mut child = command.spawn().context("a second weir cannot be started")?;
        if let Err(error) = ready(&base, Some(&mut child)).await {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let tail: Vec<&str> = said.lines().rev().take(20).collect();
            bail!(
                "{error:#}\n{}",
                tail.into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        }
        Ok(Self { base, child })
    }

    /// Ends it.
    pub(super) async fn stop(mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .context("the second weir cannot be stopped")
    }
}

/// This program once more, with no settings but those that are given to it.
fn weir() -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("this program does not know where it is")?);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("WEIR_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Runs another command of this program on a data folder, to its end.
pub(super) async fn run(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = weir()?
        .args(arguments)
        .env("WEIR_DATA_DIR", folder)
        .stdin(Stdio::null())
        .output()
        .await?;
    if !output.status.success() {
        bail!(
            "`weir {}` ended with {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

async fn ready(base: &Url, mut child: Option<&mut Child>) -> Result<()> {
    let rest = Rest::new(base.clone());
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = rest.outside("/readyz").await;
        if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            return Ok(());
        }
        match child.as_mut() {
            // A server that should be running already is asked once.
            None => {
                let status = answer?.status;
                bail!("{base} is not ready: it answered {status}");
            }
            Some(child) => {
                if let Some(status) = child.try_wait()? {
                    bail!("the server ended with {status} instead of starting");
                }
            }
        }
        if Instant::now() > end {
            bail!("the server is not ready after {PATIENCE:?}");
        }
        sleep(Duration::from_millis(50)).await;
    }
}
