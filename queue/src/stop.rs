//! How a run is told to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// What a run and its worker tell each other: that it has begun, and that it is to stop.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    requested: AtomicBool,
    began: AtomicBool,
}

impl Stop {
    /// Says that the handler is about to be called.
    pub(crate) fn begin(&self) {
        self.began.store(true, Ordering::Release);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.began.load(Ordering::Acquire)
    }

    /// Stops the run at once: it has lost its job, or the worker ends.
    pub(crate) fn now(&self) {
        self.token.cancel();
    }

    /// Stops the run because somebody cancels its job. True if that is news.
    pub(crate) fn on_request(&self) -> bool {
        let news = !self.requested.swap(true, Ordering::AcqRel);
        self.token.cancel();
        news
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}
