//! The grammar of the Pusher protocol, version 7, and of what we add to it: names, signatures, what clients say, what
//! servers say, and the small sets that presence and watchlists need. Nothing here knows a socket or waits for anything.

pub(crate) mod client;
pub mod names;
pub(crate) mod presence;
pub(crate) mod server;
pub mod signature;
mod text;
pub(crate) mod user;
pub(crate) mod watchlist;
