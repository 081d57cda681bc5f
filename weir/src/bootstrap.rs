//! What `weir bootstrap` makes: a plan from flags and file, carried out step by step. Each step looks first and changes
//! only what differs, so a run that was interrupted is finished by the next.

mod apply;
mod endpoints;
mod plan;

pub(crate) use apply::Apply;
pub(crate) use plan::{EndpointPlan, Plan};
