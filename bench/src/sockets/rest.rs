//! Just enough of an HTTP client to prepare a server: one request at a time, blocking.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::frame;

/// A connection to a server.
pub(crate) struct Rest {
    stream: TcpStream,
    token: String,
}

impl Rest {
    /// Connects. The token may be empty for what is open to all.
    pub(crate) fn connect(port: u16, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            token: token.to_owned(),
        })
    }

    /// Sends a request; answers status and body.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            if let Some((status, len)) = frame::answer(&bytes)? {
                let head = frame::head(&bytes).unwrap_or(len);
                return Ok((status, String::from_utf8_lossy(&bytes[head..len]).into_owned()));
            }
            let read = self.stream.read(&mut piece)?;
            ensure!(read > 0, "the server hung up");
            bytes.extend_from_slice(&piece[..read]);
        }
    }

    /// Sends a request to an operation that is expected to work.
    pub(crate) fn done(&mut self, method: &str, operation: &str, body: &Value) -> anyhow::Result<()> {
        let path = format!("/api/v1{operation}");
        let (status, said) = self.ask(method, &path, &body.to_string()).context(path.clone())?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path} was answered {status}: {said}"
        );
        Ok(())
    }
}
