//! What an operator may set. The defaults are for hundreds of thousands of mostly idle sockets on one node.

use std::time::Duration;

/// Limits and times of every session of this node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Messages that may wait for one slow session before it is closed with 4102.
    pub queue_messages: usize,
    /// Payload bytes that may wait for one slow session before it is closed with 4102. No message may be larger.
    pub queue_bytes: usize,
    /// A session that said nothing for this long is pinged. The first ping comes earlier by a share that differs from
    /// session to session, so that those who reconnected together are not pinged together for ever.
    pub ping_every: Duration,
    /// How long a ping may stay unanswered.
    pub pong_within: Duration,
    /// How long one write may take before the socket counts as stuck.
    pub write_timeout: Duration,
    /// How long the other side may take to answer a close frame.
    pub close_timeout: Duration,
    /// How long a withdrawal waits for a stuck socket to take the bytes that are already on their way, before it cuts it.
    pub cut_within: Duration,
    /// Bytes gathered for one write. They belong to the thread; a session keeps only what its socket did not take.
    pub write_buffer: usize,
    /// How late a deadline of a session may be noticed. All of them share one clock that ticks this often.
    pub tick: Duration,
    /// How often a session that moved something tells its totals.
    pub report_every: Duration,
    /// Messages of one session that may wait for the journal at once. Their order is kept.
    pub window: usize,
    /// Sockets to back ends that are opened at once; tenants take turns.
    pub dials: usize,
    /// Sessions that may wait for a socket to a back end, of all relays together.
    pub waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_messages: 256,
            queue_bytes: 1 << 20,
            ping_every: Duration::from_secs(25),
            pong_within: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            cut_within: Duration::from_secs(1),
            write_buffer: 64 << 10,
            tick: Duration::from_millis(250),
            report_every: Duration::from_secs(5),
            window: 32,
            dials: 64,
            waiting: 10_000,
        }
    }
}
