//! What is allowed: tenancy, time, consent, retention, requests, deadlines. The only crate that queries.
//!
//! One noun, one module; the same verbs everywhere (`create`, `list`, `read`, `update`, `delete`, then real verbs).
//! Functions take a transaction on one tenant ([`tenancy::TenantTx`]) and the [`ctx::Ctx`]; they know no HTTP, no
//! sockets and no mail. What must happen later is written as a job or a mail in the same transaction.
// A sample of every value that a letter may name is one literal.
#![recursion_limit = "256"]

pub mod accounts;
pub mod admission;
pub mod anonymised;
pub mod api_keys;
pub mod audit;
pub mod authentication;
pub mod callbacks;
pub mod changes;
pub mod channels;
pub mod clock;
pub mod connect_tokens;
pub mod connections;
pub mod consents;
pub mod controllers;
pub mod ctx;
pub mod data_types;
pub mod deadlines;
pub mod dpias;
pub mod duration;
pub mod endpoints;
pub mod erasure;
pub mod error;
pub mod exports;
pub mod fields;
pub mod gpc;
pub mod holds;
pub mod housekeeping;
pub mod idempotency;
pub mod ids;
pub mod incidents;
mod inserts;
pub mod installation;
pub mod invitations;
pub mod jobs;
pub mod journal;
pub mod keys;
pub mod letters;
pub mod log;
pub mod mails;
pub mod members;
pub mod messages;
pub mod minimise;
pub mod moving;
pub mod nodes;
pub mod notices;
mod officers;
pub mod opendsr;
pub mod page;
pub mod permissions;
pub mod pictures;
pub mod portal;
mod printed;
pub mod processing_records;
pub mod purposes;
pub mod quotas;
mod references;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod retention_rules;
pub mod rights;
mod search;
pub mod sign_ins;
pub mod standings;
pub mod subjects;
pub mod tenancy;
pub mod tenant_key;
pub mod tenants;
#[cfg(test)]
pub(crate) mod testing;
pub mod usage;
pub mod webhooks;

pub use ctx::Ctx;
pub use error::{Error, Fault, Result};
pub use jsonwebtoken::jwk::JwkSet;
/// What the store says when it fails; everybody else sees [`Error`].
pub use sea_orm::DbErr as DbError;
