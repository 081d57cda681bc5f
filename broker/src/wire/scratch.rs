//! Buffers that belong to a thread and not to a session. A session needs one for the moment in which it reads or writes, and
//! at any moment nearly all sessions do neither.

use std::cell::{Cell, RefCell};

/// Bytes read from, and gathered for, a socket at once.
pub(crate) const SIZE: usize = 64 << 10;

/// Buffers kept for writing: what is written is taken and given back in the same turn, so more than one is rare.
const SPARE: usize = 2;

thread_local! {
    static READING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITING: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Lends a buffer of [`SIZE`] bytes for one read. Whatever is in it is rubbish.
pub(super) fn reading<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = READING.try_with(Cell::take).unwrap_or_default();
    if buffer.is_empty() {
        buffer = vec![0; SIZE];
    }
    let done = read(&mut buffer);
    // A thread that ends keeps nothing.
    let _ = READING.try_with(|kept| kept.set(buffer));
    done
}

/// An empty buffer with room for [`SIZE`] bytes.
pub(super) fn take() -> Vec<u8> {
    WRITING
        .try_with(|spare| spare.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| Vec::with_capacity(SIZE))
}

/// Gives a buffer back, or frees one that grew or is none of these.
pub(super) fn give(mut buffer: Vec<u8>) {
    if (SIZE..=2 * SIZE).contains(&buffer.capacity()) {
        buffer.clear();
        let _ = WRITING.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE {
                spare.push(buffer);
            }
        });
    }
}
