//! End-users: some that keep messages under way all the time, and some that speak at a pace and note how long the echo takes.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{MissedTickBehavior, interval_at},
};

use super::wire::{Wire, put};

/// A WebSocket to a proxy.
async fn connect(port: u16, path: &str) -> anyhow::Result<Wire> {
    let mut wire = Wire::new(TcpStream::connect(("127.0.0.1", port)).await?)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    wire.send(request.as_bytes()).await?;
    let head = wire.head().await?;
    ensure!(head.starts_with("HTTP/1.1 101 "), "no WebSocket: {head}");
    Ok(wire)
}

/// End-users that are never silent.
pub(super) struct Load {
    echoes: Rc<Cell<u64>>,
    tasks: Vec<JoinHandle<()>>,
    sockets: usize,
    ended: Rc<Cell<usize>>,
}

impl Load {
    pub(super) async fn open(
        port: u16,
        sockets: usize,
        depth: usize,
        payload: usize,
        path: impl Fn(usize) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let (echoes, ended) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut tasks = Vec::new();
        for person in 0..sockets {
            let wire = connect(port, &path(person)?).await?;
            let (echoes, ended) = (Rc::clone(&echoes), Rc::clone(&ended));
            tasks.push(tokio::task::spawn_local(async move {
                // A socket that ends is counted, and fails the run.
                drop(keep_busy(wire, depth, payload, &echoes).await);
                ended.set(ended.get() + 1);
            }));
        }
        Ok(Self {
            echoes,
            tasks,
            sockets,
            ended,
        })
    }

    /// Echoes so far.
    pub(super) fn count(&self) -> u64 {
        self.echoes.get()
    }

    /// Fails when somebody was dropped.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.ended.get() == 0,
            "{} of {} sockets ended",
            self.ended.get(),
            self.sockets
        );
        Ok(())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn keep_busy(mut wire: Wire, depth: usize, payload: usize, echoes: &Cell<u64>) -> anyhow::Result<()> {
    let message = vec![0x77; payload];
    let mut out = Vec::new();
    let mut due = depth;
    loop {
        out.clear();
        for _ in 0..due {
            put(&mut out, &message, true);
        }
        wire.send(&out).await?;
        due = 0;
        let goes_on = wire.frames(|opcode, _| due += usize::from(opcode == 2)).await?;
        ensure!(goes_on, "the other side hung up");
        echoes.set(echoes.get() + due as u64);
    }
}

/// End-users that speak at a pace.
pub(super) struct Paced {
    times: Rc<RefCell<Vec<Duration>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Paced {
    /// Each says something so many times a second, whether or not it was answered: a slow answer does not slow the question.
    pub(super) async fn open(
        port: u16,
        sockets: usize,
        per_second: f64,
        payload: usize,
        path: impl Fn(usize) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let times = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        let period = Duration::from_secs_f64(1.0 / per_second);
        for person in 0..sockets {
            let wire = connect(port, &path(person)?).await?;
            let times = Rc::clone(&times);
            // Spread over the period, so that they do not speak in chorus.
            let offset = period.mul_f64(person as f64 / sockets as f64);
            tasks.push(tokio::task::spawn_local(async move {
                drop(speak(wire, period, offset, payload, &times).await);
            }));
        }
        Ok(Self { times, tasks })
    }

    /// Forgets what was noted so far.
    pub(super) fn forget(&self) {
        self.times.borrow_mut().clear();
    }

    /// What was noted, sorted.
    pub(super) fn times(&self) -> Vec<Duration> {
        let mut times = self.times.borrow().clone();
        times.sort_unstable();
        times
    }

    /// Fails when somebody was dropped.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let ended = self.tasks.iter().filter(|task| task.is_finished()).count();
        ensure!(ended == 0, "{ended} of {} sockets ended", self.tasks.len());
        Ok(())
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn speak(
    mut wire: Wire,
    period: Duration,
    offset: Duration,
    payload: usize,
    times: &RefCell<Vec<Duration>>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut ticks = interval_at((began + offset).into(), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut message = vec![0x77; payload.max(8)];
    let mut out = Vec::new();
    loop {
        tokio::select! {
            due = ticks.tick() => {
                out.clear();
                // When it was due, not when its turn came: what waits here counts too.
                let since = due.into_std().saturating_duration_since(began).as_nanos() as u64;
                message[..8].copy_from_slice(&since.to_be_bytes());
                put(&mut out, &message, true);
                wire.send(&out).await?;
            }
            goes_on = wire.frames(|opcode, payload| {
                if opcode == 2 && let Some(stamp) = payload.first_chunk::<8>() {
                    let sent = Duration::from_nanos(u64::from_be_bytes(*stamp));
                    times.borrow_mut().push(began.elapsed().saturating_sub(sent));
                }
            }) => ensure!(goes_on?, "the other side hung up"),
        }
    }
}
