//! The privacy page's side: somebody proves that they read the mail of an address, and sees and does what is theirs.
//! There is no account and no password. A stranger learns nothing, not even whether an address is known here.

mod codes;
mod consents;
mod held;
mod sessions;

pub(crate) use codes::link_context;
pub use codes::{SendPortalCode, order_code, send_code};
pub use consents::{Choice, choices, event as consent, purposes, say};
pub use held::{Held, connections, held};
pub(crate) use held::{connections_kept, data_types, spelled};
pub use sessions::{
    PortalCaller, SignedIn, authenticate, open, sign_in, sign_in_by_link, sign_out, stranger,
};
pub(crate) use sessions::{address_context, forget_address};

use chrono::TimeDelta;

/// How long a code, and the link that comes with it, can be used.
pub const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Wrong tries before all codes of an address are dead.
pub const ATTEMPTS: i32 = 5;
/// How long somebody stays signed in.
pub const SESSION_LIFE: TimeDelta = TimeDelta::hours(1);
