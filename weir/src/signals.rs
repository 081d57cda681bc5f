//! The ways in which an operator says stop.

use std::{io, time::Duration};

use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that are no further apart than this were meant as one.
const TOGETHER: Duration = Duration::from_millis(500);

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals do not end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one that was not sent together with an earlier one: some senders signal the process and its group.
    pub(crate) async fn next_apart(&mut self) -> &'static str {
        tokio::time::sleep(TOGETHER).await;
        while self.next().now_or_never().is_some() {}
        self.next().await
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
