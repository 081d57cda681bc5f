//! Private PostgreSQL servers from the binaries that Debian installs, each on a free port with a folder of its own. For Redis see
//! [`crate::redis`].
//!
//! PostgreSQL refuses to run as root, so root hands it over to the user `postgres` that Debian's package made.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub use crate::redis::Redis;
use crate::{binary, ports};

const PATIENCE: Duration = Duration::from_mins(1);
const TEMPLATE: &str = "template_weir";
/// The role that owns databases and tables.
pub const OWNER: &str = "owner_of_tables";
/// The role that weir runs as. It owns nothing.
pub const APP: &str = "weir";

/// A PostgreSQL server. It stops when the last one who uses it is gone.
#[derive(Debug)]
pub struct Postgres {
    child: Mutex<Child>,
    binaries: PathBuf,
    port: u16,
    is_durable: bool,
    /// Made with the first database: tables as `weir migrate` leaves them, for all others to begin as a copy of.
    template: OnceLock<()>,
    home: TempDir,
}

/// Two databases of one test, for the store and the vault. [`OWNER`] owns them; [`APP`] may do what it was granted.
#[derive(Clone, Debug)]
pub struct Database {
    server: Arc<Postgres>,
    name: String,
}

impl Postgres {
    /// Whether PostgreSQL is installed here.
    pub fn is_installed() -> bool {
        Self::binaries().is_some()
    }

    /// The one server of this test process.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    fn binaries() -> Option<PathBuf> {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        versions.retain(|folder| folder.join("initdb").exists());
        versions.sort();
        versions.pop()
    }

    /// Starts a server of its own. It does not wait for the disk: a test's server need not survive a power cut.
    pub fn start() -> Self {
        Self::start_as(false)
    }

    /// Starts a server of its own that is set up as it would be for work: a commit waits for the disk.
    pub fn start_durable() -> Self {
        Self::start_as(true)
    }

    fn start_as(is_durable: bool) -> Self {
        let binaries = Self::binaries().expect("PostgreSQL is installed (apt-get install postgresql)");
        let home = tempfile::Builder::new()
            .prefix("weir-pg-")
            .tempdir()
            .expect("a temporary folder");
        if is_root() {
            let given = Command::new("chown").arg("postgres").arg(home.path()).status();
            assert!(given.expect("chown runs").success(), "there is no user postgres");
        }
        let data = home.path().join("data");
        let mut initdb = unprivileged(&binaries.join("initdb"));
        initdb
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data);
        let done = initdb.stdin(Stdio::null()).output().expect("initdb runs");
        assert!(
            done.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let port = ports::free().port();
        let child = Self::launch(&binaries, port, home.path(), is_durable);
        let server = Self {
            child: Mutex::new(child),
            binaries,
            port,
            is_durable,
            template: OnceLock::new(),
            home,
        };
        server.wait_until_ready();
        for role in [OWNER, APP] {
            let make = format!("CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS");
            server.must("postgres", &make);
        }
        server
    }

    fn launch(binaries: &Path, port: u16, home: &Path, is_durable: bool) -> Child {
        let mut postgres = unprivileged(&binaries.join("postgres"));
        postgres.arg("-D").arg(home.join("data")).arg("-k").arg(home);
        let port = format!("port={port}");
        let more: &[&str] = if is_durable {
            &["max_wal_size=4GB", "shared_buffers=1GB"]
        } else {
            &["fsync=off", "full_page_writes=off"]
        };
        let all = ["listen_addresses=127.0.0.1", &port, "max_connections=300"];
        for setting in all.iter().chain(more) {
            postgres.args(["-c", setting]);
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(home.join("log"));
        postgres
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("a writable folder"))
            .spawn()
            .expect("postgres runs")
    }

    fn wait_until_ready(&self) {
        let end = Instant::now() + PATIENCE;
        while !self.psql("postgres", "SELECT 1").status.success() {
            assert!(Instant::now() < end, "PostgreSQL is not ready after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops it as an administrator in a hurry does (SIGINT): whoever is connected is cut off.
    pub fn stop(&self) {
        self.signal("-INT");
    }

    /// Starts again on the same port after [`Postgres::stop`].
    pub fn start_again(&self) {
        *self.child.lock().expect("nobody panicked with it") =
            Self::launch(&self.binaries, self.port, self.home.path(), self.is_durable);
        self.wait_until_ready();
    }

    fn signal(&self, signal: &str) {
        let mut child = self.child.lock().expect("nobody panicked with it");
        let pid = child.id().to_string();
        drop(Command::new("kill").args([signal, &pid]).status());
        drop(child.wait());
    }

    fn psql(&self, database: &str, statement: &str) -> std::process::Output {
        self.psql_as("postgres", database, &[statement])
    }

    fn psql_as(&self, role: &str, database: &str, statements: &[&str]) -> std::process::Output {
        self.psql_command(role, database, statements)
            .output()
            .expect("psql runs")
    }

    fn psql_command(&self, role: &str, database: &str, statements: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join("psql"));
        command
            .args([
                "-X",
                "-q",
                "-t",
                "-A",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                role,
                "-p",
            ])
            .arg(self.port.to_string())
            .args(["-d", database])
            .stdin(Stdio::null());
        for statement in statements {
            command.args(["-c", statement]);
        }
        command
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a statement as the server's superuser and answers what it printed.
    pub fn must(&self, database: &str, statement: &str) -> String {
        let output = self.psql(database, statement);
        assert!(
            output.status.success(),
            "{statement}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// New databases with all tables and no rows.
    pub fn database(self: &Arc<Self>) -> Database {
        self.template.get_or_init(|| self.make_template());
        self.create(&next_name(), Some(TEMPLATE))
    }

    /// New databases with nothing in them.
    pub fn empty_database(self: &Arc<Self>) -> Database {
        self.create(&next_name(), None)
    }

    fn create(self: &Arc<Self>, name: &str, template: Option<&str>) -> Database {
        for suffix in ["", "_vault"] {
            let template = template.map_or_else(String::new, |template| {
                // Copying files is the faster way where nothing waits for the disk.
                format!(" TEMPLATE {template}{suffix} STRATEGY file_copy")
            });
            let create = format!("CREATE DATABASE {name}{suffix} OWNER {OWNER}{template}");
            self.must("postgres", &create);
        }
        Database {
            server: Arc::clone(self),
            name: name.to_owned(),
        }
    }

    fn make_template(self: &Arc<Self>) {
        let database = self.create(TEMPLATE, None);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(binary::weir());
        // What says which store the run is about is no setting.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WEIR_") {
                command.env_remove(name);
            }
        }
        let done = command
            .arg("migrate")
            // It is about the tests, and no setting.
            .env_remove("WEIR_TEST_STORE")
            .env("WEIR_DATA_DIR", folder.path())
            .envs(database.settings())
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "weir migrate: {said}");
        // Whose root key it is, each copy decides anew.
        self.must(TEMPLATE, "DELETE FROM store_meta");
        self.must(&format!("{TEMPLATE}_vault"), "DELETE FROM vault_meta");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT: it ends at once and takes its own children with it.
        self.signal("-QUIT");
    }
}

impl Database {
    /// The server that it is on.
    pub fn server(&self) -> &Arc<Postgres> {
        &self.server
    }

    /// The name of the store, which no other test of this server has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `WEIR_DATABASE_URL` should be.
    pub fn url(&self) -> String {
        self.url_as(APP)
    }

    /// What `WEIR_DATABASE_OWNER_URL` should be.
    pub fn owner_url(&self) -> String {
        self.url_as(OWNER)
    }

    /// The address of the store for some role.
    pub fn url_as(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// What `WEIR_VAULT_URL` should be.
    pub fn vault_url(&self) -> String {
        format!("{}_vault", self.url())
    }

    /// The settings that lead here.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("WEIR_DATABASE_URL", self.url()),
            ("WEIR_DATABASE_OWNER_URL", self.owner_url()),
            ("WEIR_VAULT_URL", self.vault_url()),
            ("WEIR_VAULT_OWNER_URL", self.vault_owner_url()),
        ]
    }

    /// What `WEIR_VAULT_OWNER_URL` should be.
    pub fn vault_owner_url(&self) -> String {
        format!("{}_vault", self.owner_url())
    }

    /// Runs statements on the store as some role, one after the other in one session, and answers what they printed or
    /// why they failed.
    pub fn run_as(&self, role: &str, statements: &[&str]) -> Result<String, String> {
        let output = self.server.psql_as(role, &self.name, statements);
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    /// Runs a statement on the store, as superuser.
    pub fn must(&self, statement: &str) -> String {
        self.server.must(&self.name, statement)
    }
}

/// A lock on a table. It ends when dropped.
#[derive(Debug)]
pub struct TableLock {
    database: Database,
    mark: String,
    child: Child,
}

impl Database {
    /// Lets nobody write to a table until what this answers is dropped: whoever wants to, waits.
    pub fn lock(&self, table: &str) -> TableLock {
        let mark = format!("locks {table} of {}", self.name);
        let statement =
            format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT pg_sleep(600) /* {mark} */");
        let mut command = self.server.psql_command("postgres", &self.name, &[&statement]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("psql runs");
        let lock = TableLock {
            database: self.clone(),
            mark,
            child,
        };
        let held = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'ExclusiveLock' AND granted"
        );
        let end = Instant::now() + PATIENCE;
        while self.must(&held) != "1" {
            assert!(Instant::now() < end, "{table} is not locked after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
        lock
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%{}%' AND pid <> pg_backend_pid()",
            self.mark
        );
        drop(self.database.run_as("postgres", &[&end]));
        drop(self.child.wait());
    }
}

/// A name that no other database of this process has.
fn next_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A command that runs as `postgres` where we are root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"])
        .arg(program)
        .current_dir("/");
    command
}
