//! What was spent here of rates that all nodes count together: told to the others after each beat, who take it off their own
//! counters.
//!
//! A rate refills by itself, so nothing has to be remembered: what is told late, or not at all, lets somebody ask a little more often
//! for a moment, and who comes new owes nothing.

use std::{collections::HashMap, sync::OnceLock};

use bytes::{Buf, BufMut};
use parking_lot::Mutex;

use super::{Cluster, wire::Kind};

/// Spenders that are told of after one beat. Who comes beyond them spends here alone.
const TOLD: usize = 20_000;
/// Of them in one parcel.
const IN_ONE: usize = 4_000;
/// The bytes of one.
const ONE: usize = 13;

/// Somebody with a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spender {
    /// Which rate it is.
    pub rate: u8,
    /// Whose: the same number on every node.
    pub who: u64,
}

/// Takes off what somebody spent on another node.
pub type Charge = Box<dyn Fn(Spender, u32) + Send + Sync>;

/// What was spent since the last beat.
#[derive(Default)]
pub(super) struct Spent {
    sums: Mutex<HashMap<Spender, u32>>,
    charge: OnceLock<Charge>,
}

impl Spent {
    fn add(&self, spender: Spender) {
        let mut sums = self.sums.lock();
        if let Some(sum) = sums.get_mut(&spender) {
            *sum = sum.saturating_add(1);
        } else if sums.len() < TOLD {
            sums.insert(spender, 1);
        }
    }

    /// What is to be told now, a parcel each.
    fn take(&self) -> Vec<Vec<u8>> {
        let sums: Vec<_> = std::mem::take(&mut *self.sums.lock()).into_iter().collect();
        let tell = |some: &[(Spender, u32)]| {
            let mut out = Vec::with_capacity(some.len() * ONE);
            for (spender, sum) in some {
                out.put_u8(spender.rate);
                out.put_u64(spender.who);
                out.put_u32(*sum);
            }
            out
        };
        sums.chunks(IN_ONE).map(tell).collect()
    }

    /// Nobody is there to be told.
    pub(super) fn forget(&self) {
        self.sums.lock().clear();
    }

    /// Answers whether it reads.
    fn hear(&self, mut told: &[u8]) -> bool {
        if !told.len().is_multiple_of(ONE) {
            return false;
        }
        let Some(charge) = self.charge.get() else {
            return true;
        };
        while told.has_remaining() {
            let (rate, who) = (told.get_u8(), told.get_u64());
            charge(Spender { rate, who }, told.get_u32());
        }
        true
    }
}

impl Cluster {
    pub(crate) fn spent(&self, spender: Spender) {
        self.spent.add(spender);
    }

    pub(crate) fn on_spent_elsewhere(&self, charge: Charge) {
        // Counts once.
        let _ = self.spent.charge.set(charge);
    }

    /// Tells the others what was spent since the last beat.
    pub(super) async fn tell_spent(&self) {
        self.tell_sealed(Kind::Spent, self.spent.take()).await;
    }

    pub(super) fn hear_spent(&self, plain: &[u8]) {
        if !self.spent.hear(plain) {
            self.meters.unread.increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_one_spends_the_other_is_charged_once() {
        let (here, there) = (Spent::default(), Spent::default());
        let charged = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&charged);
        let charge: Charge = Box::new(move |spender, sum| notes.lock().push((spender, sum)));
        assert!(there.charge.set(charge).is_ok());
        let ada = Spender {
            rate: 1,
            who: u64::MAX,
        };
        let bob = Spender { rate: 0, who: 7 };
        for spender in [ada, bob, ada] {
            here.add(spender);
        }
        for _ in 0..2 {
            assert!(here.take().iter().all(|parcel| there.hear(parcel)));
        }
        let mut charged = charged.lock().clone();
        charged.sort_by_key(|(spender, _)| spender.rate);
        assert_eq!(charged, [(bob, 1), (ada, 2)]);
        assert!(!there.hear(&[0; 12]));
    }

    #[test]
    fn there_is_a_bound_to_what_is_told() {
        let here = Spent::default();
        for who in 0..=TOLD as u64 {
            here.add(Spender { rate: 0, who });
        }
        let parcels = here.take();
        assert_eq!(parcels.iter().map(Vec::len).sum::<usize>(), TOLD * ONE);
        assert!(parcels.iter().all(|parcel| parcel.len() <= IN_ONE * ONE));
        here.add(Spender { rate: 0, who: 1 });
        here.forget();
        assert!(here.take().is_empty());
    }
}
