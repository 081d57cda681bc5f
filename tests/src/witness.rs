//! `weir witness`, as somebody else runs it.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Stdio},
};

use tempfile::TempDir;

use crate::binary;

/// A witness. It stops when dropped.
#[derive(Debug)]
pub struct Witness {
    child: Child,
    /// Kept open, so that what it says goes somewhere.
    said: BufReader<ChildStderr>,
    folder: TempDir,
    /// What its cosignatures are checked with.
    pub verifier_key: String,
    /// Its submission prefix.
    pub url: String,
}

impl Witness {
    /// Starts one that knows these logs' keys.
    pub fn start(logs: &[&str]) -> Self {
        Self::in_folder(TempDir::new().expect("a folder"), logs)
    }

    /// Starts it again with what it remembers, and with other keys.
    #[must_use]
    pub fn again(mut self, logs: &[&str]) -> Self {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).expect("it is text");
        assert_eq!(rest, "", "it had nothing to complain about");
        let folder = std::mem::replace(&mut self.folder, TempDir::new().expect("a folder"));
        Self::in_folder(folder, logs)
    }

    fn in_folder(folder: TempDir, logs: &[&str]) -> Self {
        let mut command = Command::new(binary::weir());
        command
            .args([
                "witness",
                "--name",
                "witness.example",
                "--listen",
                "127.0.0.1:0",
                "--folder",
            ])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for key in logs {
            command.args(["--log", key]);
        }
        let mut child = command.spawn().expect("weir runs");
        let line = |out: &mut dyn BufRead| {
            let mut line = String::new();
            out.read_line(&mut line).expect("it says something");
            line.trim().to_owned()
        };
        let verifier_key = line(&mut BufReader::new(child.stdout.take().expect("piped")));
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let first = line(&mut said);
        let url = first
            .strip_prefix("vouching at ")
            .unwrap_or_else(|| panic!("{first}"))
            .to_owned();
        Self {
            child,
            said,
            folder,
            verifier_key,
            url,
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
