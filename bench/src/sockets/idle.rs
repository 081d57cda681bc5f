//! What a session costs that is only there: resident memory and processor time.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    herd::Herd,
    machine::{Look, Taken, resident},
    socket::{Party, Peer, Setting, Want, assemble},
};

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) bytes_each: f64,
    /// While nothing happens.
    pub(crate) taken: Taken,
}

/// Sessions that come and go before memory is looked at, so that it holds what is there once and for all.
const FIRST: usize = 256;
/// How long a server gets to tidy up.
const SETTLE: Duration = Duration::from_secs(3);

/// Connects so many sessions with one subscription each, to channels in turn.
pub(crate) fn run(party: &Party, sessions: usize, server: u32) -> anyhow::Result<Outcome> {
    let wants = |sessions: usize| {
        (0..sessions).map(|session| {
            let channel = session % party.names.len();
            Want {
                channels: channel..channel + 1,
                token: None,
                speaks: false,
            }
        })
    };
    let mut first = Herd::new()?;
    assemble(&mut first, party, wants(FIRST))?;
    drop(first);
    thread::sleep(SETTLE);
    let before = resident(server)?;
    let mut herd: Herd<Peer> = Herd::new()?;
    assemble(&mut herd, party, wants(sessions))?;
    let mut quiet = Setting::new(party);
    let end = Instant::now() + SETTLE;
    while Instant::now() < end {
        herd.turn(Duration::from_millis(50), &mut quiet)?;
    }
    let after = resident(server)?;
    let look = Look::now(server)?;
    thread::sleep(Duration::from_secs(1));
    Ok(Outcome {
        bytes_each: (after as f64 - before as f64) / sessions as f64,
        taken: look.taken(server)?,
    })
}
