//! Waiting for something to become true, with a deadline: tests never sleep.

use std::{
    fmt::Display,
    future::Future,
    time::{Duration, Instant},
};

/// The deadline for what takes no time of its own, on a machine that is busy.
pub const SOON: Duration = Duration::from_secs(15);

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks again and again until `look` returns something; tells what and how
/// long it took.
///
/// # Panics
/// When `deadline` passes first.
pub async fn wait_for<T, F>(deadline: Duration, what: impl Display, mut look: impl FnMut() -> F) -> (T, Duration)
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return (found, started.elapsed());
        }
        assert!(started.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks again and again until `look` says yes; tells how long it took.
///
/// # Panics
/// When `deadline` passes first.
pub async fn wait_until<F>(deadline: Duration, what: impl Display, mut look: impl FnMut() -> F) -> Duration
where
    F: Future<Output = bool>,
{
    let mut look = || {
        let seen = look();
        async { seen.await.then_some(()) }
    };
    wait_for(deadline, what, &mut look).await.1
}

/// Waits until `span` has passed since `start`: for what must last that long.
pub async fn wait_out(start: Instant, span: Duration) {
    tokio::time::sleep(span.saturating_sub(start.elapsed())).await;
}
