//! What we claim about speed, as a program that anyone can run: `cargo run --release -p bench`.
//!
//! Every figure stands beside what the same machine does without us in the same run: the journal beside bare multi-row
//! inserts of the same bytes, the removal beside a bare `DELETE` of the same rows. Ratios travel between machines, figures
//! do not. Each measurement ends with one line of JSON.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people: nobody reads the sixteenth digit of a rate"
)]

mod cpu;
mod export;
mod journal;
mod nodes;
mod place;
mod purge;
mod relay;
mod report;
mod rows;
mod rule;
mod scope;
mod seal;
mod shred;
mod sockets;
mod withdrawal;

use clap::{Parser, Subcommand};

// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what we claim about speed. Without a command: everything, as configured by default.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Messages per second through the journal, durable and sealed, beside bare inserts of the same bytes.
    Journal(journal::Arguments),
    /// Rows per second that the removal takes out, beside a bare DELETE of the same rows.
    Purge(purge::Arguments),
    /// Time until a changed rule acts on what is stored, with few messages and with many.
    Rule(rule::Arguments),
    /// Time until nothing of a person opens any more, with few messages and with many.
    Shred(shred::Arguments),
    /// Time until it is known whom an incident touched, beside a bare count of the same rows.
    Scope(scope::Arguments),
    /// Time and memory for a copy of a person's data, beside a bare scan of the same rows.
    Export(export::Arguments),
    /// Time per message for admission, classification and sealing.
    Seal(seal::Arguments),
    /// Deliveries, memory and connections of a running server, beside a bare loop of sockets.
    Sockets(sockets::Arguments),
    /// Time from a publisher at one node to subscribers at another, through Redis.
    Nodes(nodes::Arguments),
    /// Messages through a relay, beside nginx as a proxy in the same run, and what a ready socket costs.
    Relay(relay::Arguments),
    /// Whether one tenant's load shows in the latency of another's relay.
    Neighbours(relay::NeighboursArguments),
    /// Time until a withdrawn consent is answered, on one node and on three, and what was delivered after that: nothing.
    Withdrawal(withdrawal::Arguments),
    /// The bare loop, as a process of its own.
    #[command(hide = true)]
    BareLoop,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        // These have threads of their own and no runtime, so that nothing else runs where they measure.
        Some(What::Sockets(arguments)) => sockets::run(&arguments),
        Some(What::Relay(arguments)) => relay::run(&arguments),
        Some(What::Neighbours(arguments)) => relay::run_neighbours(&arguments),
        Some(What::BareLoop) => sockets::bare_loop(),
        Some(What::Journal(arguments)) => block_on(journal::run(arguments)),
        Some(What::Purge(arguments)) => block_on(purge::run(arguments)),
        Some(What::Rule(arguments)) => block_on(rule::run(arguments)),
        Some(What::Shred(arguments)) => block_on(shred::run(arguments)),
        Some(What::Scope(arguments)) => block_on(scope::run(arguments)),
        Some(What::Export(arguments)) => block_on(export::run(arguments)),
        Some(What::Seal(arguments)) => block_on(seal::run(arguments)),
        Some(What::Nodes(arguments)) => block_on(nodes::run(arguments)),
        Some(What::Withdrawal(arguments)) => block_on(withdrawal::run(arguments)),
        None => {
            block_on(async {
                seal::run(seal::Arguments::default()).await?;
                journal::run(journal::Arguments::default()).await?;
                purge::run(purge::Arguments::default()).await?;
                rule::run(rule::Arguments::default()).await?;
                shred::run(shred::Arguments::default()).await?;
                scope::run(scope::Arguments::default()).await?;
                export::run(export::Arguments::default()).await?;
                nodes::run(nodes::Arguments::default()).await?;
                withdrawal::run(withdrawal::Arguments::default()).await
            })?;
            sockets::run(&sockets::Arguments::default())?;
            relay::run(&relay::Arguments::default())?;
            relay::run_neighbours(&relay::NeighboursArguments::default())
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
