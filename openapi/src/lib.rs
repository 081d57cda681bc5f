//! The published description of the API. poem-openapi writes OpenAPI 3.0 with a few habits that generators trip over;
//! here it becomes a clean 3.1 ([`mend`]), gets what poem-openapi cannot say ([`sockets`]), and a page to read
//! ([`reference`]). `openapi/openapi.json` is its checked-in form; a test keeps it true.

mod mend;
mod merge;
mod reference;
mod share;
mod sockets;

pub use reference::{REFERENCE_STYLE, reference};
use serde_json::Value;

/// Turns poem-openapi's document into the published one.
pub fn publish(spec: &str) -> Value {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    mend::to_3_1(&mut document);
    document["openapi"] = "3.1.0".into();
    share::problems(&mut document);
    merge::deep(&mut document, sockets::description());
    document
}
