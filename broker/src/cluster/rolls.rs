//! How many sockets persons and addresses have here, where an endpoint limits that: told to the others, so that all nodes count
//! together.
//!
//! Who is meant is told as a number that is made of the endpoint and the person or address, and only to nodes: sealed, like
//! everything else. After each beat follows what changed since the one before, with its count as it is then; whoever comes new, or
//! may have missed something, asks for all of it. A node that is gone takes what it told with it.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
};

use bytes::{Buf, BufMut};
use parking_lot::Mutex;
use ring::digest;
use uuid::Uuid;

use super::{Cluster, wire::Kind};
use crate::hub::network_of;

/// Counts in one parcel.
const TOLD: usize = 4_000;
/// The bytes of one count.
const ONE: usize = 12;

/// Somebody whose sockets on an endpoint are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark(u64);

impl Mark {
    /// A person.
    pub(crate) fn person(endpoint: Uuid, subject: Uuid) -> Self {
        Self::of(b'p', endpoint, subject.as_bytes())
    }

    /// An address, or the network of 64 bits that it is in.
    pub(crate) fn address(endpoint: Uuid, address: IpAddr) -> Self {
        Self::of(b'a', endpoint, &network_of(address).to_be_bytes())
    }

    fn of(kind: u8, endpoint: Uuid, who: &[u8; 16]) -> Self {
        let mut about = [kind; 33];
        about[1..17].copy_from_slice(endpoint.as_bytes());
        about[17..].copy_from_slice(who);
        let digest = digest::digest(&digest::SHA256, &about);
        Self(digest.as_ref().get_u64())
    }
}

/// Counts, as they are told.
pub(super) type Roll = HashMap<Mark, u32>;

/// What this node counts.
#[derive(Default)]
pub(super) struct Rolls(Mutex<Own>);

#[derive(Default)]
struct Own {
    counts: Roll,
    /// What the others were not told yet.
    changed: HashSet<Mark>,
    /// They are to tell everything.
    asks: bool,
}

impl Rolls {
    fn count(&self, marks: impl IntoIterator<Item = Mark>, here: bool) {
        let mut own = self.0.lock();
        for mark in marks {
            own.changed.insert(mark);
            match own.counts.entry(mark) {
                Entry::Vacant(new) if here => {
                    new.insert(1);
                }
                Entry::Vacant(_) => {}
                Entry::Occupied(mut count) if here => *count.get_mut() += 1,
                Entry::Occupied(count) if *count.get() <= 1 => drop(count.remove()),
                Entry::Occupied(mut count) => *count.get_mut() -= 1,
            }
        }
    }

    /// The others are to be told everything. `asks`: and to tell everything.
    pub(super) fn tell_all(&self, asks: bool) {
        let mut own = self.0.lock();
        let all: Vec<_> = own.counts.keys().copied().collect();
        own.changed.extend(all);
        own.asks |= asks;
    }

    /// What is to be told now, a parcel each.
    fn take(&self) -> Vec<Vec<u8>> {
        let mut own = self.0.lock();
        let asks = std::mem::take(&mut own.asks);
        let changed: Vec<_> = own.changed.drain().collect();
        let tell = |some: &[Mark], asks: bool| {
            let mut out = Vec::with_capacity(1 + some.len() * ONE);
            out.put_u8(u8::from(asks));
            for mark in some {
                out.put_u64(mark.0);
                out.put_u32(own.counts.get(mark).copied().unwrap_or_default());
            }
            out
        };
        let mut parcels: Vec<_> = changed.chunks(TOLD).map(|some| tell(some, false)).collect();
        match parcels.first_mut() {
            Some(first) => first[0] = u8::from(asks),
            None if asks => parcels.push(tell(&[], true)),
            None => {}
        }
        parcels
    }
}

/// Takes over what another node tells. Answers whether it asks for everything; `None` where it does not read.
fn read(mut told: &[u8], roll: &mut Roll) -> Option<bool> {
    let asks = told.try_get_u8().ok()? != 0;
    if !told.len().is_multiple_of(ONE) {
        return None;
    }
    while told.has_remaining() {
        let (mark, count) = (Mark(told.get_u64()), told.get_u32());
        if count == 0 {
            roll.remove(&mark);
        } else {
            roll.insert(mark, count);
        }
    }
    Some(asks)
}

impl Cluster {
    /// Somebody has a socket more here (`here`), or one less.
    pub(crate) fn enrol(&self, marks: impl IntoIterator<Item = Mark>, here: bool) {
        self.rolls.count(marks, here);
    }

    /// How many sockets somebody has on other nodes, as these told a moment ago.
    pub(crate) fn enrolled_elsewhere(&self, mark: Mark) -> usize {
        self.peers.enrolled(mark)
    }

    /// Tells the others what changed.
    pub(super) async fn tell_rolls(&self) {
        // Not told, it is told with everything else when the backplane is back.
        self.tell_sealed(Kind::Roll, self.rolls.take()).await;
    }

    pub(super) fn hear_roll(&self, node: u64, plain: &[u8]) {
        match self.peers.with_roll(node, |roll| read(plain, roll)) {
            Some(Some(true)) => self.rolls.tell_all(false),
            Some(None) => self.meters.unread.increment(1),
            // It asks nothing; or it is not heard of yet, and will be asked when it is.
            Some(Some(false)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(from: &Rolls, to: &mut Roll) -> bool {
        let mut asks = false;
        for parcel in from.take() {
            asks |= read(&parcel, to).expect("it reads");
        }
        asks
    }

    #[test]
    fn what_one_counts_the_other_knows_and_forgets_again() {
        let (own, mut roll) = (Rolls::default(), Roll::new());
        let (endpoint, ada) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let person = Mark::person(endpoint, ada);
        let address = Mark::address(endpoint, [10, 0, 0, 1].into());
        assert_ne!(person, Mark::person(ada, endpoint));
        own.count([person, address], true);
        own.count([person], true);
        assert!(!told(&own, &mut roll));
        assert_eq!((roll.get(&person), roll.get(&address)), (Some(&2), Some(&1)));
        assert_eq!(own.take().len(), 0, "nothing changed since");
        own.count([person, address], false);
        told(&own, &mut roll);
        assert_eq!((roll.get(&person), roll.get(&address)), (Some(&1), None));
        own.count([person], false);
        told(&own, &mut roll);
        assert!(roll.is_empty() && own.0.lock().counts.is_empty());
    }

    #[test]
    fn who_comes_new_is_told_everything_in_parcels_that_are_not_too_large() {
        let own = Rolls::default();
        let many = 2 * TOLD as u128 + 1;
        own.count(
            (0..many).map(|n| Mark::person(Uuid::nil(), Uuid::from_u128(n))),
            true,
        );
        own.take();
        own.tell_all(true);
        let parcels = own.take();
        assert_eq!(parcels.len(), 3);
        assert!(parcels.iter().all(|parcel| parcel.len() <= 1 + TOLD * ONE));
        let mut roll = Roll::new();
        let asks: Vec<_> = parcels.iter().map(|parcel| read(parcel, &mut roll)).collect();
        assert_eq!(asks, [Some(true), Some(false), Some(false)], "asked once");
        assert_eq!(roll.len() as u128, many);
        own.tell_all(true);
        assert!(own.take().len() == 3 && own.take().is_empty());
        let nobody = Rolls::default();
        nobody.tell_all(true);
        assert_eq!(nobody.take(), [[1]], "who has nobody asks too");
    }

    #[test]
    fn what_does_not_read_is_not_half_believed() {
        let mut roll = Roll::new();
        assert_eq!(read(&[], &mut roll), None);
        assert_eq!(read(&[0; 14], &mut roll), None);
        assert!(roll.is_empty());
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let of = |text: &str| Mark::address(Uuid::nil(), text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.2"), of("10.0.0.1"));
    }
}
