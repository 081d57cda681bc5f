//! Settings: `defaults.toml` ← a file ← the environment ← flags. The defaults name every key, so a name that is not
//! among them is a mistake, and Weir says which name was probably meant.

mod effective;
mod flags;
mod layers;
mod meaning;
mod nearest;
mod sections;
#[cfg(test)]
mod tests;

pub(crate) use effective::redact_url;
pub(crate) use flags::Flags;
pub(crate) use layers::{Layers, Origin};
pub(crate) use sections::{LogFormat, Settings, Tls};
