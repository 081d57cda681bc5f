//! What is allowed: tenancy, time, consent, retention, requests, deadlines. The only crate that queries.
//!
//! One noun, one module; the same verbs everywhere (`create`, `list`, `read`, `update`, `delete`, then real verbs).
//! Functions take a transaction on one tenant ([`tenancy::TenantTx`]) and the [`ctx::Ctx`]; they know no HTTP, no
//! sockets and no mail. What must happen later is written as a job or a mail in the same transaction.

pub mod audit;
pub mod clock;
pub mod ctx;
pub mod error;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod log;
pub mod mails;
pub mod page;
pub mod permissions;
pub mod pictures;
pub mod quotas;
pub mod standings;
pub mod tenancy;

pub use ctx::Ctx;
pub use error::{Error, Fault, Result};
