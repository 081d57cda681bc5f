//! A run: readers are connected, messages flow for a while, and everything that arrives is checked and counted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use super::{
    frame,
    herd::{Ear, Herd, Line, dial},
    machine::{Look, Taken},
    socket::{Party, Peer, Phase, Socket, Want, assemble, farewell},
    speech::{Speech, Way},
    stamp::{Finder, Shape},
};

/// What flows.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) shape: Shape,
    /// Readers of each channel.
    pub(crate) readers: usize,
    /// Channels that one speaker publishes on.
    pub(crate) speaks_on: usize,
    pub(crate) way: Way,
    pub(crate) pace: Pace,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// How fast.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as so many messages, not yet delivered to all, allow.
    InFlight(usize),
    /// So many a second.
    PerSecond(u32),
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) taken: Taken,
    /// In the window.
    pub(crate) delivered: u64,
    /// Of the whole run.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Milliseconds from before the publish to after the read, of the window: median, 99th percentile, longest.
    pub(crate) latency: Option<[f64; 3]>,
}

/// How long a message may still be on its way after the end.
const LATE: Duration = Duration::from_secs(4);
/// When nothing arrives for so long, what is in flight is given up, so that a lost message does not end the run.
const STALLED: Duration = Duration::from_secs(1);

/// Messages that can be told apart at a time: more than a paced run has under way in [`LATE`].
const TRACKED: usize = 1 << 16;

/// Runs it.
pub(crate) fn run(
    party: &Party,
    load: &Load,
    server: u32,
    token: impl Fn(usize) -> anyhow::Result<Option<Arc<str>>>,
) -> anyhow::Result<Outcome> {
    let channels = party.names.len();
    let mut herd = Herd::new()?;
    let readers = (0..channels * load.readers).map(|reader| {
        let channel = reader / load.readers;
        Ok(Want {
            channels: channel..channel + 1,
            token: token(reader)?,
            speaks: false,
        })
    });
    let on_sockets = load.way == Way::Socket;
    let speakers = if on_sockets {
        channels.div_ceil(load.speaks_on)
    } else {
        0
    };
    let first_speaker = channels * load.readers;
    let speaking = (0..speakers).map(|speaker| {
        Ok(Want {
            // The bare loop takes messages from anybody; a Pusher server from subscribers.
            channels: if party.dialect.greets() {
                speaker * load.speaks_on..channels.min((speaker + 1) * load.speaks_on)
            } else {
                0..0
            },
            token: token(first_speaker + speaker)?,
            speaks: true,
        })
    });
    let wants = readers.chain(speaking).collect::<anyhow::Result<Vec<Want>>>()?;
    assemble(&mut herd, party, wants)?;
    let speakers: Vec<usize> = (first_speaker..first_speaker + speakers).collect();
    let mut flow = Flow::new(load);
    for turn in 0..load.way.connections() {
        let member = herd.join(dial(party.port, turn)?, Peer::Http)?;
        flow.free.push(member);
    }
    let speech = Speech::new(party.clone(), load.shape, load.way, speakers, load.speaks_on);
    drive(&mut herd, &mut flow, speech, load, server)
}

fn drive(
    herd: &mut Herd<Peer>,
    flow: &mut Flow,
    mut speech: Speech,
    load: &Load,
    server: u32,
) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let mut due = begun;
    let mut window: Option<(Look, u64)> = None;
    let mut stalled = (begun, 0);
    let (taken, delivered) = loop {
        let now = Instant::now();
        match window {
            None if now >= begun + load.warm_up => {
                flow.latencies.clear();
                window = Some((Look::now(server)?, flow.delivered));
            }
            Some((look, before)) if now >= begun + load.warm_up + load.window => {
                break (look.taken(server)?, flow.delivered - before);
            }
            _ => {}
        }
        let mut wait = Duration::from_millis(10);
        match load.pace {
            Pace::InFlight(most) => {
                while flow.in_flight + load.way.step() <= most && flow.send(herd, &mut speech, load.way)? {}
            }
            Pace::PerSecond(rate) => {
                while due <= Instant::now() {
                    ensure!(
                        flow.send(herd, &mut speech, load.way)?,
                        "the server does not keep up"
                    );
                    due += Duration::from_secs(1) / rate;
                }
                wait = wait.min(due.saturating_duration_since(Instant::now()));
            }
        }
        speech.flush(herd)?;
        herd.turn(wait, flow)?;
        if flow.delivered != stalled.1 {
            stalled = (now, flow.delivered);
        } else if now.duration_since(stalled.0) > STALLED {
            flow.in_flight = 0;
            stalled.0 = now;
        }
    };
    let expected = u64::from(speech.published()) * load.readers as u64;
    let end = Instant::now() + LATE;
    while flow.delivered < expected && Instant::now() < end {
        herd.turn(Duration::from_millis(10), flow)?;
    }
    ensure!(delivered > 0, "nothing was delivered");
    Ok(Outcome {
        taken,
        delivered,
        lost: expected.saturating_sub(flow.delivered),
        doubled: flow.doubled,
        latency: percentiles(&mut flow.latencies),
    })
}

/// Median, 99th percentile and the longest, in milliseconds.
fn percentiles(micros: &mut [u32]) -> Option<[f64; 3]> {
    micros.sort_unstable();
    let last = micros.len().checked_sub(1)?;
    let at = |share: f64| f64::from(micros[(share * last as f64) as usize]) / 1000.0;
    Some([at(0.5), at(0.99), at(1.0)])
}

/// What is under way.
struct Flow {
    readers: u32,
    finder: Finder,
    begun: Instant,
    /// Of each message that is under way, by its number: deliveries that are missing, and when it was sent.
    missing: Vec<(u32, u32)>,
    in_flight: usize,
    /// HTTP connections that wait for nothing.
    free: Vec<usize>,
    delivered: u64,
    doubled: u64,
    /// Whether messages come in the order that they are sent in.
    ordered: bool,
    /// Whether anybody wants to know when messages arrived.
    timed: bool,
    latencies: Vec<u32>,
}

impl Flow {
    fn new(load: &Load) -> Self {
        let timed = matches!(load.pace, Pace::PerSecond(_));
        Self {
            readers: u32::try_from(load.readers).unwrap_or(u32::MAX),
            finder: Finder::new(load.shape),
            begun: Instant::now(),
            missing: vec![(0, 0); TRACKED],
            in_flight: 0,
            free: Vec::new(),
            delivered: 0,
            doubled: 0,
            ordered: load.way.connections() <= 1,
            timed,
            latencies: Vec::with_capacity(if timed { 1 << 20 } else { 0 }),
        }
    }

    /// Sends what goes together, unless there is no way to send it now.
    fn send(&mut self, herd: &mut Herd<Peer>, speech: &mut Speech, way: Way) -> anyhow::Result<bool> {
        let first = speech.published() as usize + 1;
        let at = if self.timed { self.micros() } else { 0 };
        for number in first..first + way.step() {
            self.missing[number % TRACKED] = (self.readers, at);
        }
        match way {
            Way::Socket => speech.say()?,
            Way::Batch { .. } | Way::Http { .. } => {
                let Some(member) = self.free.pop() else {
                    return Ok(false);
                };
                speech.post(herd.member(member)?)?;
            }
        }
        self.in_flight += way.step();
        Ok(true)
    }

    fn micros(&self) -> u32 {
        u32::try_from(self.begun.elapsed().as_micros()).unwrap_or(u32::MAX)
    }

    fn read(&mut self, socket: &mut Socket, payload: &[u8]) -> anyhow::Result<()> {
        let Some(stamp) = self.finder.find(payload)? else {
            let text = String::from_utf8_lossy(payload);
            ensure!(!text.contains("pusher:error"), "the server complains: {text}");
            return Ok(());
        };
        ensure!(!socket.speaks(), "a message came back to its sender");
        if !socket.hears(stamp.place, self.ordered) {
            self.doubled += 1;
            return Ok(());
        }
        self.delivered += 1;
        let now = if self.timed { self.micros() } else { 0 };
        let (missing, sent) = &mut self.missing[stamp.number as usize % TRACKED];
        if self.timed {
            self.latencies.push(now.saturating_sub(*sent));
        }
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        Ok(())
    }
}

impl Ear<Peer> for Flow {
    fn hear(
        &mut self,
        member: usize,
        peer: &mut Peer,
        line: &mut Line,
        bytes: &[u8],
    ) -> anyhow::Result<usize> {
        let mut at = 0;
        match peer {
            Peer::Socket(socket) => {
                ensure!(socket.phase == Phase::Ready, "a socket that is not ready");
                while let Some(frame) = frame::parse(&bytes[at..])? {
                    at += frame.len;
                    match frame.opcode {
                        frame::TEXT => self.read(socket, frame.payload)?,
                        frame::PING => {
                            let mut pong = Vec::new();
                            frame::put_masked(&mut pong, frame::PONG, frame.payload);
                            line.send(&pong)?;
                        }
                        frame::CLOSE => bail!("{}", farewell(frame.payload)),
                        _ => {}
                    }
                }
            }
            Peer::Http => {
                while let Some((status, len)) = frame::answer(&bytes[at..])? {
                    let told = || String::from_utf8_lossy(&bytes[at..at + len]).into_owned();
                    ensure!(status == 200, "a message was refused: {}", told());
                    at += len;
                    self.free.push(member);
                }
            }
        }
        Ok(at)
    }

    fn gone(&mut self, member: usize, _peer: &mut Peer) -> anyhow::Result<()> {
        Err(anyhow::anyhow!("the server hung up on connection {member}")).context("a run")
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;
    use crate::sockets::{bare::Bare, dialect::Dialect};

    /// A run against a bare loop in this process, which loses every so many deliveries.
    fn against_bare(channels: usize, pace: Pace, lose: usize) -> Outcome {
        let (sender, receiver) = mpsc::channel();
        // Ends with the test process.
        thread::spawn(move || {
            let mut server = Bare::open(lose).unwrap();
            sender.send(server.port().unwrap()).unwrap();
            while server.turn().is_ok() {}
        });
        let port = receiver.recv().unwrap();
        let party = Party {
            port,
            dialect: Dialect::Bare,
            names: (0..channels)
                .map(|channel| format!("private-c{channel:04}"))
                .collect(),
        };
        let load = Load {
            shape: Shape {
                bytes: 128,
                json: false,
            },
            readers: 20,
            speaks_on: 3,
            way: Way::Socket,
            pace,
            warm_up: Duration::from_millis(50),
            window: Duration::from_millis(200),
        };
        run(&party, &load, std::process::id(), |_| Ok(None)).unwrap()
    }

    #[test]
    fn nothing_is_lost_or_doubled_between_the_bare_loop_and_the_generator() {
        for channels in [1, 7] {
            let outcome = against_bare(channels, Pace::InFlight(8), 0);
            assert!(outcome.delivered > 1000, "{outcome:?}");
            assert_eq!((outcome.lost, outcome.doubled), (0, 0), "{outcome:?}");
        }
    }

    #[test]
    fn a_server_that_loses_every_tenth_delivery_is_seen_to() {
        // One message at a time: a burst is one message.
        let outcome = against_bare(1, Pace::PerSecond(200), 10);
        let share = outcome.lost as f64 / (outcome.lost as f64 + outcome.delivered as f64 * 1.25);
        assert!(outcome.lost > 0, "{outcome:?}");
        assert!((0.05..0.2).contains(&share), "{outcome:?}");
    }

    #[test]
    fn a_paced_run_keeps_its_pace_and_is_timed() {
        let outcome = against_bare(1, Pace::PerSecond(100), 0);
        assert!((300..=520).contains(&outcome.delivered), "{outcome:?}");
        let [p50, p99, longest] = outcome.latency.unwrap();
        assert!(p50 > 0.0 && p50 <= p99 && p99 <= longest, "{outcome:?}");
    }

    #[test]
    fn percentiles_of_a_hundred_are_what_they_should_be() {
        let mut micros: Vec<u32> = (0..=100).map(|at| at * 1000).rev().collect();
        assert_eq!(percentiles(&mut micros), Some([50.0, 99.0, 100.0]));
        assert_eq!(percentiles(&mut []), None);
    }
}
