//! Where randomness comes from: the operating system when it counts, a seed when a test must repeat itself.
//!
//! Everything in this crate that needs randomness takes a [`Chance`]; nothing reaches for a source of its own.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng, SeedableRng, rngs::ChaCha20Rng};
use ring::rand::{SecureRandom, SystemRandom};

/// A source of random bytes.
pub trait Chance: Send + Sync {
    /// Overwrites `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

impl<C: Chance + ?Sized> Chance for Arc<C> {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// `N` random bytes.
#[must_use]
pub fn bytes<const N: usize>(chance: &dyn Chance) -> [u8; N] {
    let mut out = [0; N];
    chance.fill(&mut out);
    out
}

/// The operating system's generator. The only source for a running server.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    /// # Panics
    /// When the operating system gives no randomness. There is no safe way to go on: every key, token and salt made after
    /// that could be guessed.
    #[expect(
        clippy::expect_used,
        reason = "a server without randomness must stop, not go on with guessable keys"
    )]
    fn fill(&self, out: &mut [u8]) {
        SystemRandom::new()
            .fill(out)
            .expect("the operating system gives randomness");
    }
}

/// The same bytes for the same seed: ChaCha20 from 64 bits. For tests only; whoever knows the seed knows every key.
#[derive(Debug)]
pub struct SeededChance {
    // A lock, since `fill` takes `&self`; it is held for the copy only.
    stream: Mutex<ChaCha20Rng>,
}

impl SeededChance {
    /// Starts the stream that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            stream: Mutex::new(ChaCha20Rng::seed_from_u64(seed)),
        }
    }
}

impl Chance for SeededChance {
    fn fill(&self, out: &mut [u8]) {
        // A panic elsewhere cannot leave the generator half-stepped in a way that matters to a test.
        self.stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_another_seed_differs() {
        let take = |seed| {
            let chance = SeededChance::new(seed);
            [bytes::<32>(&chance), bytes::<32>(&chance)]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        let [first, second] = take(7);
        assert_ne!(first, second, "the stream goes on");
    }

    #[test]
    fn the_system_source_does_not_repeat_itself() {
        assert_ne!(bytes::<32>(&SystemChance), bytes::<32>(&SystemChance));
    }

    #[test]
    fn a_shared_source_is_a_source() {
        let shared: Arc<dyn Chance> = Arc::new(SeededChance::new(1));
        assert_eq!(bytes::<8>(&shared), bytes::<8>(&SeededChance::new(1)));
    }
}
