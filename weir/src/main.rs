//! The binary: one program, its roles and tools as sub-commands.

mod bootstrap;
mod commands;
mod data_folder;
mod demo;
mod house;
mod mail;
mod print;
mod reach;
mod serving;
mod settings;
mod signals;
mod stores;
mod telemetry;
mod tls;
mod trouble;

use std::process::ExitCode;

use clap::Parser;
use commands::{
    api, backup, bootstrap as bootstrap_command, demo as demo_command, doctor, migrate, openapi, restore,
    serve, verify, worker,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pools realtime connections, gates every message on consent, drains everything in time, and can prove it.
#[derive(Parser)]
#[command(version, propagate_version = true)]
enum Weir {
    Serve(serve::Args),
    Api(api::Args),
    Worker(worker::Args),
    Migrate(migrate::Args),
    Bootstrap(bootstrap_command::Args),
    Doctor(doctor::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Verify(verify::Args),
    Openapi(openapi::Args),
    Demo(demo_command::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    // First of all: whatever speaks TLS from here on uses this one. It fails only if somebody was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Weir::parse() {
        Weir::Serve(args) => serve::run(args).await,
        Weir::Api(args) => api::run(args).await,
        Weir::Worker(args) => worker::run(args).await,
        Weir::Migrate(args) => migrate::run(args).await,
        Weir::Bootstrap(args) => bootstrap_command::run(args).await,
        Weir::Doctor(args) => doctor::run(args).await,
        Weir::Backup(args) => backup::run(args).await,
        Weir::Restore(args) => restore::run(args).await,
        Weir::Verify(args) => verify::run(&args),
        Weir::Openapi(args) => openapi::run(&args),
        Weir::Demo(args) => demo_command::run(args).await,
    };
    trouble::exit_code(&outcome)
}
