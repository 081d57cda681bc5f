//! A Redis of the test's own.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// It stops when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    words: Vec<String>,
    home: tempfile::TempDir,
}

/// A port that nobody listens on.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// Nothing where none is installed.
    pub(super) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    pub(super) fn start_with(words: &[&str]) -> Option<Self> {
        if !std::path::Path::new("/usr/bin/redis-server").exists() {
            eprintln!("skipped on Redis: redis-server is not installed");
            return None;
        }
        let (port, home) = (free_port(), tempfile::tempdir().unwrap());
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let server = Self {
            child: Self::launch(&words, port, home.path()),
            port,
            words,
            home,
        };
        server.wait();
        Some(server)
    }

    fn launch(words: &[String], port: u16, home: &std::path::Path) -> Child {
        Command::new("redis-server")
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"])
            .args(["--port", &port.to_string(), "--dir"])
            .arg(home)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "Redis is not ready");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub(super) fn stop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub(super) fn start_again(&mut self) {
        self.child = Self::launch(&self.words, self.port, self.home.path());
        self.wait();
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
