//! The real server, in a process and a data folder of its own.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    backends::{Database, Postgres, Redis},
    binary,
    client::Client,
    mail::Mail,
    ports,
    socket::{Refused, Socket},
    tenant::Tenant,
    wait::eventually,
};

/// A running server. Dropped, it is killed and its folder removed; its log is printed when the test fails.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    settings: Builder,
    base: String,
    home: TempDir,
}

/// A server that is not running yet.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    env: BTreeMap<String, String>,
    in_folder: bool,
    role: Option<&'static str>,
    /// Kept as long as somebody may start this server again.
    database: Option<Database>,
    redis: Option<std::sync::Arc<Redis>>,
}

/// How long a start or an orderly stop may take.
const PATIENCE: Duration = Duration::from_mins(1);

impl Server {
    /// Starts a server with the store that `WEIR_TEST_STORE` names (`sqlite`, unless set, or `postgres`, with a Redis beside
    /// it) and otherwise the settings it has by itself.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `http://127.0.0.1:…`
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A file or folder beside the data folder, gone with the server.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// What it wrote to its log so far, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Whether it was started and not killed or stopped since.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Somebody without a credential.
    pub fn nobody(&self) -> Client {
        Client::nobody(&self.base)
    }

    /// A new tenant with a verified owner, and a rule that keeps messages for 30 days.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        self.tenant_without_rules(slug).await.keep_everything().await
    }

    /// A new tenant with a verified owner, which records nothing yet.
    pub async fn tenant_without_rules(&self, slug: &str) -> Tenant {
        Tenant::sign_up(self, slug).await
    }

    /// Opens a socket at a path of this server.
    pub async fn connect(&self, path: &str, headers: &[(&str, &str)]) -> Result<Socket, Refused> {
        let url = format!("{}{path}", self.base.replacen("http", "ws", 1));
        Socket::try_connect(&url, headers).await
    }

    /// Everything in the mailbox, oldest first.
    pub fn mailbox(&self) -> Vec<Mail> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.data_dir().join("mailbox"))
            .map(|folder| folder.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "eml"));
        paths.sort();
        paths
            .iter()
            .filter_map(|path| Some(Mail::parse(&fs::read(path).ok()?)))
            .collect()
    }

    /// The newest mail to this address that fits, as soon as it is there.
    pub async fn mail(&self, to: &str, fits: impl Fn(&Mail) -> bool) -> Mail {
        eventually(&format!("a mail to {to}"), || async {
            self.mailbox()
                .into_iter()
                .rev()
                .find(|mail| mail.to.iter().any(|one| one == to) && fits(mail))
        })
        .await
    }

    /// Runs another command of the binary (`weir backup …`) with this server's settings, and waits for its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.settings.command(self.home.path(), &self.base);
        command.args(arguments).stdin(Stdio::null());
        command.output().expect("the binary runs")
    }

    /// Starts another command of the binary and kills it (`kill -9`) after this time, unless it ended before. Answers
    /// whether it came to its end.
    pub async fn run_and_kill(&self, arguments: &[&str], after: Duration) -> bool {
        let mut command = self.settings.command(self.home.path(), &self.base);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        sleep(after).await;
        let ended = child.try_wait().expect("a child can be waited for").is_some();
        // One that ended just now cannot be killed any more.
        drop(child.kill());
        child.wait().expect("a killed process ends");
        ended
    }

    /// Like [`Server::run`]; a failure fails the test and shows what it said.
    pub fn run_well(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "weir {arguments:?} ended with {}: {said}",
            output.status
        );
        String::from_utf8(output.stdout).expect("text")
    }

    /// `kill -9`: no goodbye to anybody.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a running process can be killed");
            child.wait().expect("a killed process ends");
        }
    }

    /// Asks for an orderly stop (SIGTERM) and goes on at once.
    pub fn ask_to_stop(&self) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(
            sent.expect("kill runs").success(),
            "the server ended before it was asked to"
        );
    }

    /// Asks for an orderly stop and waits for it.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.stopped().await
    }

    /// Waits for the end of a server that was asked to stop.
    pub async fn stopped(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return status;
            }
            if Instant::now() > end {
                drop(child.kill());
                panic!("the server did not stop within {PATIENCE:?}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Changes a setting, from the next start on.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.settings.env.insert(name.into(), value.into());
    }

    /// Starts again on the same folder and port. Kills first what still runs.
    pub async fn restart(&mut self) {
        self.kill();
        self.launch().await;
    }

    /// Starts a server that was only prepared.
    pub async fn launched(mut self) -> Self {
        self.launch().await;
        self
    }

    async fn launch(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join("log"))
            .expect("a writable folder");
        let mut command = self.settings.command(self.home.path(), &self.base);
        command
            .arg(self.settings.role.unwrap_or("serve"))
            .stdin(Stdio::null());
        command
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log);
        let said_before = self.log().len();
        self.child = Some(command.spawn().expect("the binary runs"));
        let nobody = self.nobody();
        let has_port = self.settings.role != Some("worker");
        let end = Instant::now() + PATIENCE;
        loop {
            if !has_port {
                if self
                    .log()
                    .get(said_before..)
                    .is_some_and(|log| log.contains("ready"))
                {
                    return;
                }
            } else if let Ok(answer) = nobody
                .try_send(nobody.request(reqwest::Method::GET, "//readyz"))
                .await
                && answer.status == 200
            {
                return;
            }
            let child = self.child.as_mut().expect("just started");
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                panic!("the server ended with {status} instead of starting");
            }
            assert!(Instant::now() < end, "the server is not ready after {PATIENCE:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.len().saturating_sub(150);
            eprintln!(
                "--- the server's log, from line {} ---\n{}\n---",
                tail + 1,
                lines[tail..].join("\n")
            );
        }
    }
}

impl Builder {
    /// Sets a setting.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Starts `weir api` or another part alone instead of `weir serve`. Without `worker` no mail is sent.
    #[must_use]
    pub fn role(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }

    /// Uses SQLite in the data folder, whatever store the run is about: for tests that look at the files.
    #[must_use]
    pub fn in_folder(mut self) -> Self {
        self.in_folder = true;
        self
    }

    /// Uses this PostgreSQL instead of SQLite.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        for (name, value) in database.settings() {
            self = self.env(name, value);
        }
        self.database = Some(database);
        self
    }

    /// Shares the data folder of another server, and with it root key and mailbox: for parts of one installation.
    #[must_use]
    pub fn beside(self, other: &Server) -> Self {
        self.env("WEIR_DATA_DIR", other.data_dir().to_string_lossy())
    }

    /// Uses this Redis instead of the in-process backplane.
    #[must_use]
    pub fn redis(mut self, redis: std::sync::Arc<Redis>) -> Self {
        self = self.env("WEIR_REDIS_URL", redis.url());
        self.redis = Some(redis);
        self
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(mut self) -> Server {
        if self.database.is_none() && !self.in_folder && grown_up() {
            self = self.database(Postgres::shared().database());
            if self.redis.is_none() {
                self = self.redis(std::sync::Arc::new(Redis::start()));
            }
        }
        let mut server = self.prepared();
        server.launch().await;
        server
    }

    /// A server that should not come up: its exit status and what it said.
    pub fn fails_to_start(self) -> (ExitStatus, String) {
        let server = self.prepared();
        server.fails_to_start()
    }

    /// Folder and port, but nothing started: for a test that prepares the folder first.
    pub fn prepared(self) -> Server {
        let home = tempfile::Builder::new()
            .prefix("weir-test-")
            .tempdir()
            .expect("a temporary folder");
        Server {
            child: None,
            base: format!("http://{}", ports::free()),
            settings: self,
            home,
        }
    }

    fn command(&self, home: &Path, base: &str) -> Command {
        let mut command = Command::new(binary::weir());
        // Nothing of the developer's own settings may leak in.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WEIR_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(home)
            .env("WEIR_DATA_DIR", home.join("data"))
            .env("WEIR_LISTEN", base.trim_start_matches("http://"))
            .env("WEIR_PUBLIC_URL", base)
            .envs(DEFAULTS)
            .envs(&self.env);
        command
    }
}

impl Server {
    /// Starts a server that is expected to end by itself soon, with words.
    pub fn fails_to_start(&self) -> (ExitStatus, String) {
        let mut command = self.settings.command(self.home.path(), &self.base);
        command
            .arg(self.settings.role.unwrap_or("serve"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let end = std::time::Instant::now() + PATIENCE;
        while child.try_wait().expect("a child can be waited for").is_none() {
            if std::time::Instant::now() > end {
                drop(child.kill());
                let output = child.wait_with_output().expect("a killed process ends");
                panic!("the server started: {}", String::from_utf8_lossy(&output.stderr));
            }
            thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().expect("it ended");
        let said = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// A tenant made by `weir bootstrap`, whose one line of JSON is answered.
    pub fn bootstrap(&self, arguments: &[&str]) -> Value {
        let said = self.run_well(&[&["bootstrap"], arguments].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("not JSON ({error}): {said}"))
    }
}

/// Whether this run of the tests is about Postgres and Redis.
pub fn grown_up() -> bool {
    std::env::var("WEIR_TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// Settings that every test server has: tests are impatient, and each is many people at one address.
const DEFAULTS: [(&str, &str); 3] = [
    ("WEIR_HTTP__REQUESTS_PER_SECOND", "10000"),
    ("WEIR_HTTP__ANONYMOUS_REQUESTS_PER_SECOND", "10000"),
    ("WEIR_WORKER__POLL_MS", "100"),
];
