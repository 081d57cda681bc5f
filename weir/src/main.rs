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
use commands::Weir;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // First of all: whatever speaks TLS from here on uses this one. It fails only if somebody was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Weir::parse() {
        Weir::Serve(args) => commands::serve::run(args).await,
        Weir::Api(args) => commands::api::run(args).await,
        Weir::Worker(args) => commands::worker::run(args).await,
        Weir::Migrate(args) => commands::migrate::run(args).await,
        Weir::Move(args) => commands::moving::run(args).await,
        Weir::Bootstrap(args) => commands::bootstrap::run(args).await,
        Weir::Doctor(args) => commands::doctor::run(args).await,
        Weir::Backup(args) => commands::backup::run(args).await,
        Weir::Restore(args) => commands::restore::run(args).await,
        Weir::RotateRoot(args) => commands::rotate_root::run(args).await,
        Weir::Verify(args) => commands::verify::run(&args),
        Weir::Witness(args) => commands::witness::run(args).await,
        Weir::Openapi(args) => commands::openapi::run(&args),
        Weir::Demo(args) => commands::demo::run(args).await,
    };
    trouble::exit_code(&outcome)
}
