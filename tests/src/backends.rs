//! Private PostgreSQL and Redis servers from the binaries that Debian installs, each on a free port with a folder of its own.
//!
//! PostgreSQL refuses to run as root, so root hands it over to the user `postgres` that Debian's package made.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::ports;

const PATIENCE: Duration = Duration::from_mins(1);

/// A PostgreSQL server. It stops when the last one who uses it is gone.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    binaries: PathBuf,
    port: u16,
    _home: TempDir,
}

/// Two databases of one test, for the store and the vault, owned by a role that may not bypass row-level security.
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

    /// Starts a server of its own.
    pub fn start() -> Self {
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
        let mut postgres = unprivileged(&binaries.join("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(home.path());
        // A test's server need not survive a power cut.
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            "fsync=off",
            "full_page_writes=off",
            "max_connections=300",
        ] {
            postgres.args(["-c", setting]);
        }
        let log = fs::File::create(home.path().join("log")).expect("a writable folder");
        let child = postgres
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres runs");
        let server = Self {
            child,
            binaries,
            port,
            _home: home,
        };
        let end = Instant::now() + PATIENCE;
        while !server.psql("postgres", "SELECT 1").status.success() {
            assert!(Instant::now() < end, "PostgreSQL is not ready after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(100));
        }
        server.must("postgres", "CREATE ROLE weir LOGIN NOSUPERUSER NOBYPASSRLS");
        server
    }

    fn psql(&self, database: &str, statement: &str) -> std::process::Output {
        Command::new(self.binaries.join("psql"))
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
                "postgres",
                "-p",
            ])
            .arg(self.port.to_string())
            .args(["-d", database, "-c", statement])
            .stdin(Stdio::null())
            .output()
            .expect("psql runs")
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

    /// New, empty databases.
    pub fn database(self: &Arc<Self>) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        for name in [name.clone(), format!("{name}_vault")] {
            self.must("postgres", &format!("CREATE DATABASE {name} OWNER weir"));
        }
        Database {
            server: Arc::clone(self),
            name,
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT: it ends at once and takes its own children with it.
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-QUIT", &pid]).status());
        drop(self.child.wait());
    }
}

impl Database {
    /// What `WEIR_DATABASE_URL` should be.
    pub fn url(&self) -> String {
        format!("postgres://weir@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// What `WEIR_VAULT_URL` should be.
    pub fn vault_url(&self) -> String {
        format!("{}_vault", self.url())
    }

    /// Runs a statement on the store, as superuser.
    pub fn must(&self, statement: &str) -> String {
        self.server.must(&self.name, statement)
    }
}

/// A Redis server. It stops when dropped.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: u16,
    _home: TempDir,
}

impl Redis {
    /// Whether Redis is installed here.
    pub fn is_installed() -> bool {
        Path::new("/usr/bin/redis-server").exists()
    }

    /// Starts a server that keeps nothing on disk.
    pub fn start() -> Self {
        let home = tempfile::Builder::new()
            .prefix("weir-redis-")
            .tempdir()
            .expect("a temporary folder");
        let port = ports::free().port();
        let child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
                &port.to_string(),
                "--dir",
            ])
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("Redis is installed (apt-get install redis-server)");
        let server = Self {
            child,
            port,
            _home: home,
        };
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "Redis is not ready after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// What `WEIR_REDIS_URL` should be.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
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
