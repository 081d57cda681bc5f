//! The sub-commands, a file each.

pub(crate) mod api;
pub(crate) mod backup;
pub(crate) mod bootstrap;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod migrate;
pub(crate) mod moving;
pub(crate) mod openapi;
pub(crate) mod restore;
pub(crate) mod rotate_root;
pub(crate) mod serve;
pub(crate) mod verify;
pub(crate) mod witness;
pub(crate) mod worker;

use clap::Parser;

/// Pools realtime connections, gates every message on consent, drains everything in time, and can prove it.
#[derive(Parser)]
#[command(version, propagate_version = true)]
pub(crate) enum Weir {
    Serve(serve::Args),
    Api(api::Args),
    Worker(worker::Args),
    Migrate(migrate::Args),
    Move(moving::Args),
    Bootstrap(bootstrap::Args),
    Doctor(doctor::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    RotateRoot(rotate_root::Args),
    Verify(verify::Args),
    Witness(witness::Args),
    Openapi(openapi::Args),
    Demo(demo::Args),
}
