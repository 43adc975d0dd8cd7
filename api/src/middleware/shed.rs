//! Refuses requests by class while too many are under way: the heaviest first,
//! probes never.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::http::{HeaderValue, Method, header};

use crate::{
    error::{Code, Problem},
    metrics::{HttpMetrics, Rejection},
};

/// Seconds after which a client may try again.
const RETRY_AFTER_SECONDS: u16 = 1;

/// What a request costs, and how much it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Exports and reports: refused from half of the most on.
    Heavy,
    /// What changes something: refused from 80 % on.
    Write,
    /// What reads: refused when the most is reached.
    Read,
    /// Probes: never refused.
    Probe,
}

impl Class {
    /// The class of a method, for routes that say nothing else.
    #[must_use]
    pub fn of(method: &Method) -> Self {
        if method.is_safe() { Self::Read } else { Self::Write }
    }

    /// How many requests may be under way, this one among them, in percent of the most.
    const fn percent(self) -> usize {
        match self {
            Self::Heavy => 50,
            Self::Write => 80,
            Self::Read => 100,
            Self::Probe => usize::MAX,
        }
    }
}

/// Counts the requests under way. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Shedder {
    under_way: Arc<AtomicUsize>,
    most: usize,
    metrics: Arc<HttpMetrics>,
}

impl Shedder {
    /// One that takes `most` at a time.
    #[must_use]
    pub fn new(most: u32, metrics: Arc<HttpMetrics>) -> Self {
        Self { under_way: Arc::default(), most: usize::try_from(most).unwrap_or(usize::MAX), metrics }
    }

    /// Counts a request in until the guard is dropped.
    ///
    /// # Errors
    /// 503 `overloaded` with `Retry-After` when too many are under way for its class.
    pub fn enter(&self, class: Class) -> Result<Guard, Problem> {
        let guard = Guard(Arc::clone(&self.under_way));
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        // One alone is always taken, however few the most are.
        let bound = (self.most.saturating_mul(class.percent()) / 100).max(1);
        if under_way > bound {
            self.metrics.rejected(Rejection::Shed);
            let retry_after = HeaderValue::from(RETRY_AFTER_SECONDS);
            return Err(Problem::new(Code::Overloaded).with_header(header::RETRY_AFTER, retry_after));
        }
        Ok(guard)
    }
}

/// A request that is counted as being under way.
#[derive(Debug)]
pub struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use callboard_shared::telemetry::Telemetry;

    use super::*;

    fn shedder(most: u32) -> Shedder {
        let telemetry = Telemetry::new("test").unwrap();
        Shedder::new(most, Arc::new(HttpMetrics::new(telemetry.recorder())))
    }

    #[test]
    fn the_heavy_are_refused_first_and_probes_never() {
        let shedder = shedder(10);
        let mut open = Vec::new();
        let mut fill = |class| {
            open.extend(std::iter::from_fn(|| shedder.enter(class).ok()).take(20));
            open.len()
        };
        assert_eq!(fill(Class::Heavy), 5);
        assert_eq!(fill(Class::Write), 8);
        assert_eq!(fill(Class::Heavy), 8);
        assert_eq!(fill(Class::Read), 10);
        assert_eq!(fill(Class::Write), 10);
        assert_eq!(fill(Class::Probe), 30);
        open.truncate(9);
        assert!(shedder.enter(Class::Read).is_ok());
        assert!(shedder.enter(Class::Write).is_err());
        open.clear();
        assert!(shedder.enter(Class::Heavy).is_ok());
    }

    #[test]
    fn a_single_request_is_always_taken() {
        let shedder = shedder(1);
        let heavy = shedder.enter(Class::Heavy).unwrap();
        assert!(shedder.enter(Class::Read).is_err());
        drop(heavy);
        assert!(shedder.enter(Class::Write).is_ok());
    }

    #[test]
    fn classes_follow_the_method() {
        assert_eq!(Class::of(&Method::GET), Class::Read);
        assert_eq!(Class::of(&Method::HEAD), Class::Read);
        assert_eq!(Class::of(&Method::POST), Class::Write);
        assert_eq!(Class::of(&Method::DELETE), Class::Write);
    }
}
