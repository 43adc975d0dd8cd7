//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential backoff with full jitter: the n-th retry waits a random time
/// between zero and `min(cap, base · 2ⁿ⁻¹)`.
///
/// Full jitter spreads a crowd of failures best; see Marc Brooker,
/// *Exponential Backoff And Jitter* (AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first retry.
    pub base: Duration,
    /// The longest wait before any retry.
    pub cap: Duration,
}

impl Backoff {
    /// 5 s at first, at most one hour: ten attempts span about 21 minutes in the mean, at most 43.
    pub const DEFAULT: Self = Self { base: Duration::from_secs(5), cap: Duration::from_hours(1) };

    /// The longest wait after `attempt` failed attempts (1 or more).
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 2u32.saturating_pow(attempt.saturating_sub(1));
        self.base.checked_mul(factor).unwrap_or(self.cap).min(self.cap)
    }

    /// A random wait after `attempt` failed attempts.
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        self.ceiling(attempt).mul_f64(rand::random::<f64>())
    }
}

/// A wait in milliseconds as the ledger counts it: beyond a hundred years,
/// PostgreSQL's time would end before the wait does.
pub(crate) fn millis(wait: Duration) -> i64 {
    const LONGEST: i64 = 100 * 365 * 24 * 3_600 * 1_000;
    i64::try_from(wait.as_millis()).map_or(LONGEST, |millis| millis.min(LONGEST))
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(10) };
        let ceilings: Vec<u64> = (1..=5).map(|n| backoff.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 10, 10]);
        assert_eq!(backoff.ceiling(u32::MAX), backoff.cap, "no overflow");
    }

    #[test]
    fn delays_fill_the_whole_range() {
        let backoff = Backoff { base: Duration::from_secs(100), cap: Duration::from_secs(100) };
        let delays: Vec<f64> = (0..1_000).map(|_| backoff.delay(1).as_secs_f64()).collect();
        assert!(delays.iter().all(|d| (0.0..=100.0).contains(d)));
        assert!(delays.iter().any(|d| *d < 20.0) && delays.iter().any(|d| *d > 80.0), "full jitter");
    }
}
