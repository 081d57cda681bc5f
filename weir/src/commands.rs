//! The sub-commands, a file each.

pub(crate) mod api;
pub(crate) mod backup;
pub(crate) mod bootstrap;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod verify;
pub(crate) mod worker;
