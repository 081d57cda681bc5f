//! Who is connected. Sockets come in through [`Broker::serve_channel`] and [`Broker::serve_relay`], messages through
//! [`Broker::publish`], and withdrawals through [`Broker::disconnect`] and [`Broker::silence`].
//!
//! It imports nothing of ours. What it must ask, it asks through the traits of [`host`], which `api` implements by calling
//! `domain`. It knows sessions, channels and back ends; it knows no table, no rule, no route.
//!
//! Alone, everything here is about one node. [`Broker::with_others`] makes it one of several that behave as one, over a
//! [`backplane`]: their messages go to the same hub that [`Broker::publish`] delivers to.

#![warn(missing_docs)]

pub mod backplane;
mod broker;
pub mod called;
mod census;
pub mod close;
mod cluster;
mod delivery;
pub mod egress;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod handshake;
pub mod host;
mod hub;
mod leg;
mod meters;
mod notice;
mod options;
pub mod origin;
mod publish;
pub mod pusher;
mod session;
mod settings;
mod socket_id;
pub mod upstream;
mod wheel;
mod wire;

pub use self::{
    broker::{Broker, Drained},
    census::{Cached, ChannelInfo, TenantCensus},
    close::{Close, Retry},
    cluster::{
        Company, Nodes,
        spent::{Charge, Spender},
    },
    gate::Cutoff,
    hub::{Scope, Selector},
    notice::Notice,
    options::{ChannelOptions, PusherOptions, RelayOptions, SessionOptions, Slow},
    publish::{Post, PublishError, Published},
    settings::Settings,
    socket_id::{SocketId, SocketIdFault},
    wire::Socket,
};
