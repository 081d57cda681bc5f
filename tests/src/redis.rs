//! Private Redis servers from the binary that Debian installs: one, or a Redis Cluster of three.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::ports;

const PATIENCE: Duration = Duration::from_mins(1);
/// How many hash slots a Redis Cluster has.
const SLOTS: usize = 16_384;
/// Servers of a cluster. Fewer could not agree on which of them is dead.
const CLUSTER: usize = 3;
/// Which of them stops and starts again.
const RESTARTED: usize = 1;

/// One Redis, or a cluster of three that each have a third of the slots and no replica. It stops when dropped.
#[derive(Debug)]
pub struct Redis {
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    child: Mutex<Child>,
    port: u16,
    words: Vec<String>,
    home: TempDir,
}

impl Redis {
    /// Whether Redis is installed here.
    pub fn is_installed() -> bool {
        Path::new("/usr/bin/redis-server").exists()
    }

    /// Starts a server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server with these words on its command line.
    pub fn start_with(words: &[&str]) -> Self {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Self {
            servers: vec![Server::start(words)],
        }
    }

    /// Starts a cluster that keeps nothing on disk but who is in it.
    pub fn start_cluster() -> Self {
        let buses: Vec<String> = (0..CLUSTER).map(|_| ports::free().port().to_string()).collect();
        let start = |bus: &String| {
            let words = [
                "--save",
                "",
                "--appendonly",
                "no",
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
                bus,
            ];
            Server::start(words.iter().map(|&word| word.to_owned()).collect())
        };
        let servers: Vec<_> = buses.iter().map(start).collect();
        for (at, server) in servers.iter().enumerate() {
            let (first, last) = (SLOTS * at / CLUSTER, SLOTS * (at + 1) / CLUSTER - 1);
            server.must(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            server.must(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for (other, bus) in servers.iter().zip(&buses).skip(1) {
            servers[0].must(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), bus]);
        }
        let cluster = Self { servers };
        cluster.wait_until_whole();
        cluster
    }

    fn wait_until_whole(&self) {
        let end = Instant::now() + PATIENCE;
        let known = format!("cluster_known_nodes:{CLUSTER}\r\n");
        let is_whole = |server: &Server| {
            let said = server.ask(&["CLUSTER", "INFO"]);
            said.contains("cluster_state:ok") && said.contains(&known)
        };
        while !self.servers.iter().all(is_whole) {
            assert!(
                Instant::now() < end,
                "the cluster is not whole after {PATIENCE:?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether it is a cluster.
    pub fn is_cluster(&self) -> bool {
        self.servers.len() > 1
    }

    /// The one that stops and starts again.
    fn restarted(&self) -> &Server {
        self.servers.get(RESTARTED).unwrap_or(&self.servers[0])
    }

    /// `kill -9`. What it holds is gone; of a cluster, what one of its servers holds.
    pub fn stop(&self) {
        self.restarted().stop();
    }

    /// Starts again on the same port after [`Redis::stop`].
    pub fn start_again(&self) {
        let server = self.restarted();
        *server.child.lock().expect("nobody panicked with it") =
            Server::launch(&server.words, server.port, &server.home);
        server.wait_until_ready();
    }

    /// Sends a command, word by word, to each server, and answers what they said to it.
    pub fn ask(&self, words: &[&str]) -> String {
        self.servers.iter().map(|server| server.ask(words)).collect()
    }

    /// Everything the first server holds, as it writes it to the disk, nothing compressed.
    pub fn dump(&self) -> Vec<u8> {
        let server = &self.servers[0];
        server.must(&["CONFIG", "SET", "rdbcompression", "no"]);
        server.must(&["CONFIG", "SET", "save", ""]);
        server.must(&["SAVE"]);
        fs::read(server.home.path().join("dump.rdb")).expect("Redis wrote its dump")
    }

    /// The first server's port on loopback.
    pub fn port(&self) -> u16 {
        self.servers[0].port
    }

    /// What `WEIR_REDIS_URL` should be.
    pub fn url(&self) -> String {
        let urls = self.servers.iter().map(Server::url);
        urls.collect::<Vec<_>>().join(",")
    }
}

impl Server {
    fn start(words: Vec<String>) -> Self {
        let home = tempfile::Builder::new()
            .prefix("weir-redis-")
            .tempdir()
            .expect("a temporary folder");
        let port = ports::free().port();
        let server = Self {
            child: Mutex::new(Self::launch(&words, port, &home)),
            port,
            words,
            home,
        };
        server.wait_until_ready();
        server
    }

    fn launch(words: &[String], port: u16, home: &TempDir) -> Child {
        Command::new("redis-server")
            .args(words)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("Redis is installed (apt-get install redis-server)")
    }

    fn wait_until_ready(&self) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "Redis is not ready after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&self) {
        let mut child = self.child.lock().expect("nobody panicked with it");
        drop(child.kill());
        drop(child.wait());
    }

    fn ask(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("Redis listens");
        let mut asked = format!("*{}\r\n", words.len());
        for word in words {
            let _ = write!(asked, "${}\r\n{word}\r\n", word.len());
        }
        asked.push_str("*1\r\n$4\r\nQUIT\r\n");
        stream.write_all(asked.as_bytes()).expect("Redis takes a command");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("Redis answers");
        String::from_utf8_lossy(&said).into_owned()
    }

    fn must(&self, words: &[&str]) {
        let said = self.ask(words);
        assert!(said.starts_with("+OK"), "{words:?}: {said}");
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
