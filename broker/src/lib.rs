//! Who is connected. Sockets come in through [`Broker::serve_channel`] and [`Broker::serve_relay`], messages through
//! [`Broker::publish`], and withdrawals through [`Broker::disconnect`] and [`Broker::silence`].
//!
//! It imports nothing of ours. What it must ask, it asks through the traits of [`host`], which `api` implements by calling
//! `domain`. It knows sessions, channels and back ends; it knows no table, no rule, no route.
//!
//! Everything here is about one node. Other nodes will hand their messages to the same hub that [`Broker::publish`] delivers to.

#![warn(missing_docs)]

mod broker;
pub mod close;
pub mod egress;
mod gate;
pub mod handshake;
pub mod host;
mod hub;
mod leg;
mod meters;
pub mod origin;
mod publish;
mod session;
mod settings;
pub mod upstream;
mod wire;

pub use self::{
    broker::{Broker, Drained},
    close::{Close, Retry},
    gate::Cutoff,
    hub::{Scope, Selector},
    publish::{PublishError, Published},
    session::{channel::ChannelOptions, relay::RelayOptions},
    settings::Settings,
    wire::Socket,
};
