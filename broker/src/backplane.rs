//! What carries between nodes: topics that nodes listen to, parcels that go to everybody who listens, and positions that
//! are counted in one place.
//!
//! There are two: [`redis`] between processes, and [`memory`] within one, for tests. One suite of tests runs against both
//!: what is sent on a topic reaches every listener exactly once and in one order, a counted
//! parcel gets the next position however often it is sent again, and whoever was cut off is told so.
//!
//! A backplane knows topics by names that say nothing, and bytes that are sealed. What they mean is the business of
//! [`crate::cluster`].

pub(crate) mod leases;
pub mod memory;
pub mod redis;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

pub use self::leases::{Ask, Grant, Holder};

/// Where a topic stands: a number that counts from 1 without gaps within an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Changes when numbers of before mean nothing any more.
    pub epoch: Arc<str>,
    /// Counted parcels so far.
    pub offset: i64,
}

/// Something on its way to everybody who listens.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Where.
    pub topic: Arc<str>,
    /// What.
    pub bytes: Bytes,
    /// Whether it is counted.
    pub count: Count,
}

/// Whether a parcel is counted.
#[derive(Clone, Debug)]
pub enum Count {
    /// It takes no position.
    No,
    /// It takes the next one. `fresh` is the epoch where none is there.
    Next {
        /// Names this parcel. Sent again under the same name, it keeps the position that it has, and nobody hears it twice.
        once: Box<str>,
        /// The epoch, where none is there.
        fresh: Box<str>,
    },
    /// Positions of before mean nothing any more. It takes none itself.
    Renew {
        /// The epoch from now on.
        fresh: Box<str>,
    },
}

/// What a node hears.
#[derive(Debug)]
pub enum Heard {
    /// A parcel, in the order of its topic.
    Parcel {
        /// Where.
        topic: Arc<str>,
        /// Where it stands, where it was counted.
        position: Option<Standing>,
        /// What.
        bytes: Bytes,
    },
    /// From here on parcels may be missed.
    Cut,
    /// Everything that is listened to is heard again. What was sent in between is not.
    Back,
}

/// The backplane cannot be reached, or did not answer in time. What was sent may have arrived or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backplane cannot be reached")]
pub struct Away;

/// What carries between nodes.
pub trait Backplane: Send + Sync + 'static {
    /// Hands parcels over, in their order. Answers where each counted one stands.
    fn send(&self, parcels: Vec<Parcel>) -> BoxFuture<'_, Result<Vec<Option<Standing>>, Away>>;

    /// Hears topics from now on, and after every time it was cut off. Returns when they are heard; where it is
    /// [`Away`], they are heard from [`Heard::Back`] on.
    fn listen(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>>;

    /// Does not hear topics any more.
    fn leave(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>>;

    /// Where topics stand. One that was never counted stands at 0 of the epoch `fresh`, from now on.
    fn standing(&self, topics: Vec<Arc<str>>, fresh: Box<str>) -> BoxFuture<'_, Result<Vec<Standing>, Away>>;

    /// Notes that a node has somebody at a topic (`here`) or nobody any more. Answers whether nobody else of the `living` had:
    /// whether that was the first, or the last, of all.
    fn claim(
        &self,
        topic: Arc<str>,
        node: Box<str>,
        here: bool,
        living: Vec<Box<str>>,
    ) -> BoxFuture<'_, Result<bool, Away>>;

    /// Says what a holder of leases has and needs, and answers what it gets.
    fn settle(&self, ask: Ask) -> BoxFuture<'_, Result<Grant, Away>>;

    /// Whether a node is among those who are there, at `house`; `now` puts it there, once it has said what it holds.
    fn attend(&self, house: Arc<str>, node: Box<str>, now: bool) -> BoxFuture<'_, Result<bool, Away>>;

    /// Whether it can be reached, as far as is known.
    fn is_up(&self) -> bool;
}

/// What a node hears may wait, up to here. Beyond it the node counts as cut off: it hears how much it missed by what
/// it compares then.
const HEARD: usize = 65_536;

/// The two ends of what a node hears.
pub(crate) fn ears() -> (mpsc::Sender<Heard>, mpsc::Receiver<Heard>) {
    mpsc::channel(HEARD)
}
