//! The broker from outside: real WebSocket clients on in-memory pipes, real back ends on loopback, and a house that answers
//! as each test likes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, that is how to fail"
)]

mod channel;
mod drain;
mod fuzz;
mod house;
mod liveness;
mod malformed;
mod places;
mod pool;
mod pusher;
mod relay;
mod withdrawal;
