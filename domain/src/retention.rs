//! Retention: what is kept, until when, and what happens then.
//!
//! A message names its class ([`classes`]); how long a class is kept is asked of the rules ([`Rules`]) at the moment of
//! reading. So a change of rule acts at once on what is already stored, and nothing expired is ever read, however far
//! behind the removal ([`purge`]) is.

mod balance;
mod classes;
pub(crate) mod counts;
mod cut;
mod dashboard;
mod explain;
pub mod glob;
mod preview;
mod purge;
mod rules;
mod sweep;
#[cfg(test)]
mod tests;

pub use balance::{BalanceFilter, balance, balance_all, balances, find_balance};
pub use classes::{Class, ClassKey, Classes};
pub use cut::{Cut, first_readable};
pub use dashboard::{ClassSummary, classes};
pub use explain::{Asked, Candidate, Explanation, Part, explain};
pub use preview::Consequence;
pub(crate) use preview::{Change, preview};
pub(crate) use purge::PurgeMemory;
pub use purge::{Budget, Report, purge};
pub use rules::{CONNECTIONS_KEPT, Case, Rule, Rules};
pub(crate) use sweep::records_expired;
pub use sweep::{Swept, connections_expired, sweep};
