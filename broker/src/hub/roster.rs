//! Who is in a group. Coming and going is cheap; whoever addresses the group gets a list to walk without a lock.

use std::sync::Arc;

use parking_lot::Mutex;
use slab::Slab;

use crate::gate::Gate;

/// A place in a [`Roster`], to be given back with [`Roster::leave`].
#[derive(Debug)]
pub(crate) struct Place(usize);

#[derive(Default)]
pub(crate) struct Roster(Mutex<Members>);

#[derive(Default)]
struct Members {
    slots: Slab<Arc<Gate>>,
    /// Made by the first message after a change. A message costs as much as the list anyway, so a crowd that joins at
    /// once pays for one list and not for one each.
    list: Option<Arc<[Arc<Gate>]>>,
}

impl Roster {
    pub(crate) fn join(&self, gate: Arc<Gate>) -> Place {
        let mut members = self.0.lock();
        members.list = None;
        Place(members.slots.insert(gate))
    }

    /// Answers whether nobody is left.
    pub(crate) fn leave(&self, place: &Place) -> bool {
        let mut members = self.0.lock();
        members.list = None;
        members.slots.try_remove(place.0);
        if members.slots.is_empty() {
            // Give back what a large crowd needed.
            members.slots = Slab::new();
        }
        members.slots.is_empty()
    }

    pub(crate) fn list(&self) -> Arc<[Arc<Gate>]> {
        let mut members = self.0.lock();
        if let Some(list) = &members.list {
            return Arc::clone(list);
        }
        let list: Arc<[_]> = members.slots.iter().map(|(_, gate)| Arc::clone(gate)).collect();
        members.list = Some(Arc::clone(&list));
        list
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().slots.len()
    }
}
