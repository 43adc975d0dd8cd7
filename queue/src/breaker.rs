//! Whether Redis takes jobs, so that callers don't wait for it one by one.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// While Redis is down, one attempt in this time.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Remembers whether Redis is down, so that callers don't wait for it one by one.
#[derive(Debug)]
pub(crate) struct Breaker {
    started: Instant,
    open: AtomicBool,
    retry_at_ms: AtomicU64,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), open: AtomicBool::new(false), retry_at_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether Redis is known to be down. Who only reads asks this, and takes
    /// no trial from those whose success would close the breaker.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Whether a caller may try now. While open, one caller in [`RETRY_EVERY`]
    /// may, and has to tell by [`open`](Self::open) or [`close`](Self::close) how it went.
    pub(crate) fn allows(&self) -> bool {
        if !self.is_open() {
            return true;
        }
        let now = self.now_ms();
        let retry_at = self.retry_at_ms.load(Ordering::Acquire);
        now >= retry_at
            && self.retry_at_ms.compare_exchange(retry_at, next_retry(now), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Notes a failure; true if this is news.
    pub(crate) fn open(&self) -> bool {
        self.retry_at_ms.store(next_retry(self.now_ms()), Ordering::Release);
        !self.open.swap(true, Ordering::AcqRel)
    }

    /// Notes a success; true if this is news.
    pub(crate) fn close(&self) -> bool {
        self.open.swap(false, Ordering::AcqRel)
    }
}

fn next_retry(now_ms: u64) -> u64 {
    now_ms + u64::try_from(RETRY_EVERY.as_millis()).unwrap_or(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_lets_one_caller_a_second_try() {
        let breaker = Breaker::new();
        assert!(breaker.allows());
        assert!(breaker.open(), "the first failure is news");
        assert!(!breaker.open(), "the second is not");
        assert!(!breaker.allows());
        tokio::time::advance(RETRY_EVERY).await;
        assert!(breaker.is_open(), "asking takes no trial");
        assert!(breaker.allows());
        assert!(!breaker.allows(), "only one");
        assert!(breaker.close(), "recovery is news");
        assert!(breaker.allows());
    }
}
