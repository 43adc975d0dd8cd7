//! How the jobs of a kind are run and kept, as their constants declare it.

use std::time::Duration;

use crate::{Backoff, Error, Job, Priority};

/// The longest that an attempt may run: what the ledger's column holds.
const MAX_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

/// The shortest time that the ledger can count.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The last version of a payload: a worker names all that it reads in its
/// claims and in its row.
const MAX_PAYLOAD_VERSION: i16 = 100;

/// The longest that a job may wait for anything.
pub(crate) const MAX_WAIT: Duration = Duration::from_hours(10 * 366 * 24);

/// How many whole UTC days an ended job stays readable, by how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days for a completed job.
    pub completed_days: u8,
    /// Days for a discarded or cancelled job.
    pub discarded_days: u8,
}

impl Retention {
    /// Completed 7 days, discarded 30.
    pub const DEFAULT: Self = Self { completed_days: 7, discarded_days: 30 };

    /// The longest retention in days. A longer one is refused.
    pub const MAX_DAYS: u8 = 90;
}

/// The policy of a kind, by name.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// See [`Job::QUEUE`].
    pub queue: &'static str,
    /// See [`Job::PAYLOAD_VERSION`].
    pub payload_version: i16,
    /// See [`Job::PRIORITY`].
    pub priority: Priority,
    /// See [`Job::MAX_ATTEMPTS`].
    pub max_attempts: i16,
    /// See [`Job::TIMEOUT`].
    pub timeout: Duration,
    /// See [`Job::EXPIRES_IN`].
    pub expires_in: Option<Duration>,
    /// See [`Job::ENCRYPTED`].
    pub encrypted: bool,
    /// See [`Job::BACKOFF`].
    pub backoff: Backoff,
    /// See [`Job::RETENTION`].
    pub retention: Retention,
}

impl Policy {
    /// The policy that the constants of `J` declare.
    #[must_use]
    pub const fn of<J: Job>() -> Self {
        Self {
            queue: J::QUEUE,
            payload_version: J::PAYLOAD_VERSION,
            priority: J::PRIORITY,
            max_attempts: J::MAX_ATTEMPTS,
            timeout: J::TIMEOUT,
            expires_in: J::EXPIRES_IN,
            encrypted: J::ENCRYPTED,
            backoff: J::BACKOFF,
            retention: J::RETENTION,
        }
    }

    /// What is used for a kind that nobody here knows (a rescued job of another version).
    pub const UNKNOWN: Self = Self {
        queue: "default",
        payload_version: 1,
        priority: Priority::Default,
        max_attempts: 10,
        timeout: Duration::from_mins(1),
        expires_in: None,
        encrypted: false,
        backoff: Backoff::DEFAULT,
        retention: Retention::DEFAULT,
    };

    /// Whether jobs of `kind` can be stored and run by this policy.
    ///
    /// # Errors
    /// [`Error::Policy`] names the constant that is at fault.
    pub fn check(&self, kind: &str) -> Result<(), Error> {
        let refuse =
            |field, problem: &str| Err(Error::Policy { kind: kind.to_owned(), field, problem: problem.to_owned() });
        if !is_kind(kind) {
            return refuse("KIND", "it must be two or more snake_case words joined by dots, 100 characters at most");
        }
        if !is_queue(self.queue) {
            return refuse("QUEUE", "it must be 1 to 50 of a to z, 0 to 9, `_` and `-`");
        }
        if !(1..=MAX_PAYLOAD_VERSION).contains(&self.payload_version) {
            return refuse("PAYLOAD_VERSION", "it must be 1 to 100");
        }
        if self.max_attempts < 1 {
            return refuse("MAX_ATTEMPTS", "at least one attempt is needed");
        }
        if self.timeout < SHORTEST || self.timeout > MAX_TIMEOUT {
            return refuse("TIMEOUT", "it must be between a millisecond and 24 days");
        }
        if self.expires_in.is_some_and(|wait| !(SHORTEST..=MAX_WAIT).contains(&wait)) {
            return refuse("EXPIRES_IN", "it must be between a millisecond and ten years");
        }
        if self.backoff.base < SHORTEST || self.backoff.cap < SHORTEST {
            return refuse("BACKOFF", "without a wait of a millisecond at least, a failing job would never rest");
        }
        if self.retention.completed_days.max(self.retention.discarded_days) > Retention::MAX_DAYS {
            return refuse("RETENTION", "an ended job is kept for 90 days at most");
        }
        Ok(())
    }

    pub(crate) fn completed_days(&self) -> u8 {
        self.retention.completed_days.min(Retention::MAX_DAYS)
    }

    pub(crate) fn discarded_days(&self) -> u8 {
        self.retention.discarded_days.min(Retention::MAX_DAYS)
    }
}

/// Whether the ledger takes the kind's name.
fn is_kind(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    name.len() <= 100 && name.contains('.') && name.split('.').all(word)
}

/// Whether the ledger takes the queue's name: 1 to 50 of `[a-z0-9_-]`.
#[must_use]
pub fn is_queue(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=50).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_kinds_and_queues_are_told_apart() {
        for good in ["email.welcome", "cache.warm_2", "a.b.c"] {
            assert!(is_kind(good), "{good}");
        }
        for bad in ["", ".", "a.", "plain", "Email.welcome", "a.b c", "a.b-c", "메.일", "a.b\0", &"x.".repeat(51)] {
            assert!(!is_kind(bad), "{bad:?}");
        }
        for bad in ["", "Mail", "mail:high", "{x}", "m é", &"x".repeat(51)] {
            assert!(!is_queue(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_policy_that_could_never_run_names_its_field() {
        let field = |policy: Policy| match policy.check("test.kind") {
            Err(Error::Policy { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let good = Policy::UNKNOWN;
        assert!(good.check("test.kind").is_ok());
        assert_eq!(field(Policy { queue: "No", ..good }), "QUEUE");
        assert_eq!(field(Policy { payload_version: 0, ..good }), "PAYLOAD_VERSION");
        assert_eq!(field(Policy { payload_version: 101, ..good }), "PAYLOAD_VERSION");
        assert_eq!(field(Policy { max_attempts: 0, ..good }), "MAX_ATTEMPTS");
        assert_eq!(field(Policy { timeout: Duration::ZERO, ..good }), "TIMEOUT");
        assert_eq!(field(Policy { timeout: Duration::MAX, ..good }), "TIMEOUT");
        assert_eq!(field(Policy { expires_in: Some(Duration::ZERO), ..good }), "EXPIRES_IN");
        assert_eq!(field(Policy { expires_in: Some(Duration::from_nanos(999_999)), ..good }), "EXPIRES_IN");
        let backoff = |base, cap| Policy { backoff: Backoff { base, cap }, ..good };
        assert_eq!(field(backoff(Duration::ZERO, Duration::from_secs(1))), "BACKOFF");
        assert_eq!(field(backoff(Duration::from_secs(1), Duration::from_micros(999))), "BACKOFF");
        let retention = |completed_days, discarded_days| Retention { completed_days, discarded_days };
        assert_eq!(field(Policy { retention: retention(91, 30), ..good }), "RETENTION");
        assert_eq!(field(Policy { retention: retention(7, u8::MAX), ..good }), "RETENTION");

        let edge = Policy {
            payload_version: 100,
            expires_in: Some(SHORTEST),
            backoff: Backoff { base: SHORTEST, cap: SHORTEST },
            retention: retention(0, 90),
            ..good
        };
        assert!(edge.check("test.kind").is_ok());
    }
}
