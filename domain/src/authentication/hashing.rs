//! Passwords hashed and compared beside the event loop, few at a time: each takes 20 ms of a core and 19 MiB.

use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore};
use vault::password;

use crate::{
    ctx::Ctx,
    error::{Error, Result},
};

/// How many run at once.
const RUNNING: usize = 2;
/// How many may run or wait; whoever comes on top is asked to come back.
const ADMITTED: usize = 64;

/// Admission to hashing.
pub(crate) struct Hashing {
    admitted: Semaphore,
    running: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            admitted: Semaphore::new(ADMITTED),
            running: Semaphore::new(RUNNING),
        }
    }
}

async fn blocking<T: Send + 'static>(ctx: &Ctx, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let hashing = &ctx.authentications.hashing;
    let _admitted = hashing.admitted.try_acquire().map_err(|_| Error::TooMany {
        retry_after: Duration::from_secs(2),
    })?;
    let _running = hashing
        .running
        .acquire()
        .await
        .map_err(|closed: AcquireError| Error::internal(closed))?;
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

/// Hashes a password. Never while a transaction is open: the store's writer would wait along.
pub(crate) async fn hash(ctx: &Ctx, password: &str) -> Result<String> {
    let (password, chance, cost) = (
        password.to_owned(),
        ctx.chance.clone(),
        ctx.settings.password_cost,
    );
    blocking(ctx, move || password::hash(&password, &cost, &*chance))
        .await?
        .map_err(Error::internal)
}

/// Whether the password belongs to the hash. Without a hash it takes as long, and the answer is no.
pub(crate) async fn verify(ctx: &Ctx, password: &str, phc: Option<String>) -> Result<bool> {
    let password = password.to_owned();
    let phc = phc.unwrap_or_else(|| password::decoy(&ctx.settings.password_cost));
    blocking(ctx, move || password::verify(&password, &phc))
        .await?
        .map_err(Error::internal)
}
