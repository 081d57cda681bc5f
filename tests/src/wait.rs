//! Waiting for something that happens soon.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

/// How long anything may take that is not about time itself. Two slow cores with everything else on them must make it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until there is an answer. Fails the test when patience ends, naming what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_within(PATIENCE, what, ask).await
}

/// Like [`eventually`], with its own patience.
pub async fn eventually_within<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {patience:?} for {what}");
        sleep(Duration::from_millis(25)).await;
    }
}
