//! Who was seen lately, so that a connection needs no query to know whose it is.

use std::collections::HashMap;

use entity::id::{SubjectId, TenantId};
use parking_lot::Mutex;

/// Persons that are remembered at most. One is about 100 bytes.
const MAX_KNOWN: usize = 200_000;

/// Persons by the hash of their id at the tenant. Holds nothing that identifies anybody.
#[derive(Debug, Default)]
pub struct Known {
    // Synchronous: nothing waits while holding it.
    known: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    ids: HashMap<(TenantId, [u8; 32]), SubjectId>,
    /// Counts erasures, so that an id that was read before one is not remembered after it.
    generation: u64,
}

impl Known {
    pub(super) fn get(&self, tenant: TenantId, index: &[u8; 32]) -> Option<SubjectId> {
        self.known.lock().ids.get(&(tenant, *index)).copied()
    }

    pub(super) fn generation(&self) -> u64 {
        self.known.lock().generation
    }

    pub(super) fn remember(&self, generation: u64, tenant: TenantId, index: [u8; 32], id: SubjectId) {
        let mut known = self.known.lock();
        if known.generation != generation {
            return;
        }
        if known.ids.len() >= MAX_KNOWN {
            known.ids.clear();
        }
        known.ids.insert((tenant, index), id);
    }

    /// Anybody may have been erased.
    pub(crate) fn forget_all(&self) {
        let mut known = self.known.lock();
        known.generation += 1;
        known.ids.clear();
    }

    pub(crate) fn forget(&self, tenant: TenantId, index: &[u8]) {
        let mut known = self.known.lock();
        known.generation += 1;
        if let Ok(index) = <[u8; 32]>::try_from(index) {
            known.ids.remove(&(tenant, index));
        }
    }
}
