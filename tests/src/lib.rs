//! The harness: boots the real `weir` binary and talks to it as its users do, over HTTP, WebSocket, mail and signals.
//!
//! It links nothing of ours. What a test knows, it knows from outside, so that a test that passes here would pass
//! against a server that somebody else started.
//!
//! ```no_run
//! # async fn story() {
//! let server = tests::Server::start().await;
//! let acme = server.tenant("acme").await;
//! let chat = acme.channel("chat").await;
//! let mut ada = acme.connect(&chat, "ada").await;
//! acme.publish(&chat, serde_json::json!({ "data": "hello" })).await.expect(201);
//! assert_eq!(ada.text().await, "hello");
//! # }
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a harness has nobody to report to but the test that it fails"
)]

pub mod auditor;
pub mod backends;
pub mod binary;
pub mod client;
pub mod echo;
pub mod jwt;
pub mod mail;
pub mod mux;
pub mod ports;
pub mod proxy;
pub mod receiver;
pub mod redis;
pub mod sdks;
pub mod secure;
pub mod server;
pub mod smtp;
pub mod socket;
pub mod tenant;
pub mod wait;
pub mod witness;

pub use self::{
    client::{Answer, Client},
    echo::Echo,
    mail::Mail,
    receiver::{Received, Receiver},
    server::{Builder, Server},
    smtp::Sink,
    socket::Socket,
    tenant::{Endpoint, Tenant},
    wait::eventually,
};
