//! What happens later: jobs, mails, webhooks, purges, checkpoints, reminders.
//!
//! Work is ordered in the transaction that makes it necessary ([`domain::jobs`], [`domain::mails`]) and done here, by as
//! many workers as there are processes. A worker that dies leaves nothing half-claimed: a lease runs out, and another one
//! goes on. So everything here can be run twice.
//!
//! What is done, and in which order, is decided in `domain`. This crate decides when, how often, and how mail leaves.

#![warn(missing_docs)]

mod jobs;
mod mails;
mod runner;
mod schedules;
mod sender;
mod settings;
mod sockets;
mod webhooks;
mod witnesses;
mod worker;

pub use mails::{Mailer, MailerError};
pub use settings::{MailSettings, Settings};
pub use sockets::{NoSockets, Sockets};
pub use worker::{Handle, Nudge, Worker};
