//! Sessions that come and go: connect, upgrade, subscribe, wait for the acknowledgement, close, again.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{
    frame,
    herd::{Ear, Herd, Line, dial},
    machine::{Look, Taken},
    socket::{Party, Phase, Socket, Want},
};

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) taken: Taken,
    /// Rounds that ended in the window.
    pub(crate) rounds: u64,
    /// Of the whole run, and what the first one was.
    pub(crate) errors: u64,
    pub(crate) error: Option<String>,
}

/// More errors than this and the figures say nothing.
const MOST_ERRORS: u64 = 1000;

/// Runs so many loops side by side.
pub(crate) fn run(
    party: &Party,
    loops: usize,
    server: u32,
    warm_up: Duration,
    window: Duration,
) -> anyhow::Result<Outcome> {
    let mut herd = Herd::new()?;
    let mut churn = Churn {
        party,
        rounds: 0,
        ended: Vec::new(),
        errors: 0,
        error: None,
    };
    let mut begun = 0;
    for _ in 0..loops {
        let member = herd.join(dial(party.port, begun)?, Visit::new())?;
        churn.open(&mut herd, member)?;
        begun += 1;
    }
    let start = Instant::now();
    let mut looked: Option<(Look, u64)> = None;
    loop {
        let now = Instant::now();
        match looked {
            None if now >= start + warm_up => looked = Some((Look::now(server)?, churn.rounds)),
            Some((look, before)) if now >= start + warm_up + window => {
                return Ok(Outcome {
                    taken: look.taken(server)?,
                    rounds: churn.rounds - before,
                    errors: churn.errors,
                    error: churn.error,
                });
            }
            _ => {}
        }
        herd.turn(Duration::from_millis(10), &mut churn)?;
        while let Some(member) = churn.ended.pop() {
            herd.replace(member, dial(party.port, begun)?, Visit::new())?;
            churn.open(&mut herd, member)?;
            begun += 1;
        }
    }
}

/// One session.
struct Visit {
    socket: Socket,
    closing: bool,
}

impl Visit {
    fn new() -> Self {
        let want = Want {
            channels: 0..1,
            token: None,
            speaks: false,
        };
        Self {
            socket: Socket::new(want),
            closing: false,
        }
    }
}

struct Churn<'a> {
    party: &'a Party,
    rounds: u64,
    /// Connections to be followed by another one.
    ended: Vec<usize>,
    errors: u64,
    error: Option<String>,
}

impl Churn<'_> {
    fn open(&self, herd: &mut Herd<Visit>, member: usize) -> anyhow::Result<()> {
        let member = herd.member(member)?;
        let request = member.state.socket.request(self.party);
        member.line().send(request.as_bytes())
    }

    fn step(&mut self, visit: &mut Visit, line: &mut Line, bytes: &[u8]) -> anyhow::Result<usize> {
        if visit.closing {
            let Some(frame) = frame::parse(bytes)? else {
                return Ok(0);
            };
            if frame.opcode == frame::CLOSE {
                self.rounds += 1;
                line.hang_up();
            }
            return Ok(frame.len);
        }
        let taken = visit.socket.step(self.party, line, bytes)?;
        if visit.socket.phase == Phase::Ready {
            let mut close = Vec::with_capacity(8);
            frame::put_masked(&mut close, frame::CLOSE, &1000_u16.to_be_bytes());
            line.send(&close)?;
            visit.closing = true;
        }
        Ok(taken)
    }

    fn failed(&mut self, why: &anyhow::Error) -> anyhow::Result<()> {
        self.errors += 1;
        self.error.get_or_insert_with(|| format!("{why:#}"));
        ensure!(self.errors < MOST_ERRORS, "too many errors: {why:#}");
        Ok(())
    }
}

impl Ear<Visit> for Churn<'_> {
    fn hear(
        &mut self,
        member: usize,
        visit: &mut Visit,
        line: &mut Line,
        bytes: &[u8],
    ) -> anyhow::Result<usize> {
        let mut at = 0;
        while !line.is_closed() {
            match self.step(visit, line, &bytes[at..]) {
                Ok(0) => return Ok(at),
                Ok(taken) => at += taken,
                Err(error) => {
                    self.failed(&error)?;
                    line.hang_up();
                }
            }
        }
        self.ended.push(member);
        Ok(bytes.len())
    }

    fn gone(&mut self, member: usize, _visit: &mut Visit) -> anyhow::Result<()> {
        self.failed(&anyhow::anyhow!("the server hung up before it said goodbye"))?;
        self.ended.push(member);
        Ok(())
    }
}
