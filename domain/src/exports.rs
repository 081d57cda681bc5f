//! The answer to an access request: a ZIP that a person can read and a program can use (GDPR Art. 15 and 20).
//!
//! It is written as a stream: messages are unsealed a page at a time, packed, cut into parts and sealed again. Nothing
//! readable ever touches the disk, and memory does not grow with the amount. The parts hang on the person's own key, so
//! erasing the person closes the export with everything else.

mod build;
mod contents;
mod download;
mod package;
mod page;
mod parts;
mod recipients;
mod redact;
mod schema;
mod tables;
mod words;

pub use build::build;
pub use download::{Download, download, find};
pub(crate) use parts::context;

use chrono::TimeDelta;

/// How long an export can be downloaded.
pub const KEPT: TimeDelta = TimeDelta::days(7);

/// Bytes of a part before sealing.
const PART: usize = 256 << 10;
