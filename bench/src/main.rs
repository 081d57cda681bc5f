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
mod journal;
mod place;
mod purge;
mod report;
mod rows;
mod seal;
mod shred;

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
    /// Time until nothing of a person opens any more, with few messages and with many.
    Shred(shred::Arguments),
    /// Time per message for admission, classification and sealing.
    Seal(seal::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        Some(What::Journal(arguments)) => journal::run(arguments).await,
        Some(What::Purge(arguments)) => purge::run(arguments).await,
        Some(What::Shred(arguments)) => shred::run(arguments).await,
        Some(What::Seal(arguments)) => seal::run(arguments).await,
        None => {
            seal::run(seal::Arguments::default()).await?;
            journal::run(journal::Arguments::default()).await?;
            purge::run(purge::Arguments::default()).await?;
            shred::run(shred::Arguments::default()).await
        }
    }
}
