//! What a job is: a payload with a stable name and a policy.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Backoff, Error, Priority};

/// The largest payload in bytes of JSON. Larger things belong in storage, with
/// their key in the payload.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// How deep arrays and objects may be nested in a payload.
pub const MAX_PAYLOAD_DEPTH: usize = 64;

/// The largest result in bytes of JSON.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

/// The longest that an attempt may run: what the ledger's column holds.
const MAX_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

/// The shortest time that the ledger can count.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// The last version of a payload: a worker names all that it reads in its
/// claims and in its row.
const MAX_PAYLOAD_VERSION: i16 = 100;

/// The longest that a job may wait for anything.
pub(crate) const MAX_WAIT: Duration = Duration::from_hours(10 * 366 * 24);

/// A job's payload, and the policy of its kind as constants.
///
/// The payload type is all that an enqueuer needs; how the job runs is a
/// [`Handler`](crate::Handler), which lives with the worker.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use callboard_queue::{Job, Priority, Unique};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct WarmDashboard {
///     team: u32,
/// }
///
/// impl Job for WarmDashboard {
///     const KIND: &'static str = "cache.warm_dashboard";
///     const QUEUE: &'static str = "cache";
///     const PRIORITY: Priority = Priority::Low;
///     const TIMEOUT: Duration = Duration::from_secs(30);
///
///     // However many writes ask for it, one waits at a time.
///     fn unique(&self) -> Option<Unique> {
///         Some(Unique::until_started(self.team.to_string()))
///     }
/// }
/// ```
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stable name: two or more `snake_case` words joined by dots, the area
    /// first, as `email.welcome`. 100 characters at most.
    ///
    /// Rows in the ledger carry it, so it never changes while such rows live.
    /// To rename a kind, register the handler under both names until the old
    /// one has drained.
    const KIND: &'static str;

    /// Raise it when the payload changes in a way that older workers would read
    /// wrongly or not at all. A worker leaves jobs of a later version than its
    /// own to those who know it, and no attempt is burnt; older ones it reads
    /// with [`decode`](Self::decode). 1 to 100.
    const PAYLOAD_VERSION: i16 = 1;

    /// The queue it waits in: up to 50 of `[a-z0-9_-]`.
    const QUEUE: &'static str = "default";

    /// Which of the queue's ready lists it goes to.
    const PRIORITY: Priority = Priority::Default;

    /// Attempts in all, the first included. After the last the job is discarded.
    const MAX_ATTEMPTS: i16 = 10;

    /// How long one attempt may run before it is stopped and counted as failed.
    const TIMEOUT: Duration = Duration::from_mins(1);

    /// How long to wait between attempts. Neither `base` nor `cap` is below a
    /// millisecond.
    const BACKOFF: Backoff = Backoff::DEFAULT;

    /// How long it may wait for its first start: from when it is due, or from the
    /// enqueue. Then it is cancelled instead of run. A millisecond to ten years;
    /// `None`: for ever.
    const EXPIRES_IN: Option<Duration> = None;

    /// Whether its payload is encrypted in the database, as it holds a secret.
    /// Every process that enqueues or runs it needs the keys:
    /// [`Queue::with_payload_keys`](crate::Queue::with_payload_keys).
    const ENCRYPTED: bool = false;

    /// How long its row is kept after it ended: up to 90 days.
    const RETENTION: Retention = Retention::DEFAULT;

    /// Reads a payload that was written as `version`: this one, or one before it.
    /// As it is, all versions are read alike, so a field that came later needs
    /// `#[serde(default)]`.
    ///
    /// # Errors
    /// The attempt fails as any other; a worker of another version may read it
    /// at the next.
    ///
    /// # Example
    ///
    /// ```
    /// # use callboard_queue::Job;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize)]
    /// struct Remind {
    ///     minutes_before: u32,
    /// }
    ///
    /// impl Job for Remind {
    ///     const KIND: &'static str = "booking.remind";
    ///     const PAYLOAD_VERSION: i16 = 2;
    ///
    ///     fn decode(version: i16, payload: &str) -> serde_json::Result<Self> {
    ///         #[derive(Deserialize)]
    ///         struct Version1 {
    ///             hours_before: u32,
    ///         }
    ///         if version == 1 {
    ///             let Version1 { hours_before } = serde_json::from_str(payload)?;
    ///             return Ok(Self { minutes_before: hours_before * 60 });
    ///         }
    ///         serde_json::from_str(payload)
    ///     }
    /// }
    /// # assert_eq!(Remind::decode(1, r#"{"hours_before":2}"#).unwrap().minutes_before, 120);
    /// ```
    fn decode(version: i16, payload: &str) -> serde_json::Result<Self> {
        let _ = version;
        serde_json::from_str(payload)
    }

    /// A key that at most one live job of this kind may hold, and for how long.
    fn unique(&self) -> Option<Unique> {
        None
    }

    /// How many jobs like this one may run at a time or start in a minute, over
    /// all workers.
    fn limit(&self) -> Option<Limit> {
        None
    }
}

/// How many jobs without a concurrency of their own share one limit key on the
/// ready lists: so many jobs of each other key may be served before a key's
/// only job, whatever waits behind them.
pub const FAIR_WINDOW: u32 = 100;

/// A limit that jobs with the same key share, over all workers and kinds.
///
/// Only so many of them are *admitted* to the ready lists at a time; the others
/// are `blocked`, and whenever one leaves, the next is admitted: the most urgent
/// first, then the oldest. So a key with 100,000 jobs doesn't hold up another
/// key's only one, and nothing polls.
///
/// A slot whose worker has died is free again when its job is rescued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The key: 1 to 300 characters, as `smtp` or `team:7`.
    pub key: String,
    /// At most so many run at a time. `None`: [`FAIR_WINDOW`].
    pub concurrency: Option<u32>,
    /// At most so many start in a minute, evenly spread. `None`: any number.
    pub per_minute: Option<u32>,
}

impl Limit {
    /// At most `concurrency` at a time.
    pub fn concurrency(key: impl Into<String>, concurrency: u32) -> Self {
        Self { key: key.into(), concurrency: Some(concurrency), per_minute: None }
    }

    /// At most `per_minute` starts in a minute.
    pub fn per_minute(key: impl Into<String>, per_minute: u32) -> Self {
        Self { key: key.into(), concurrency: None, per_minute: Some(per_minute) }
    }

    /// A fair share beside other keys.
    pub fn fair(key: impl Into<String>) -> Self {
        Self { key: key.into(), concurrency: None, per_minute: None }
    }

    /// The same, and at most `per_minute` starts in a minute.
    #[must_use]
    pub fn and_per_minute(self, per_minute: u32) -> Self {
        Self { per_minute: Some(per_minute), ..self }
    }
}

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

/// A unique key and how long it holds.
///
/// An enqueue that meets a held key returns the job that holds it instead of
/// making another one. Keys are compared within a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    /// The key: 1 to 300 characters.
    pub key: String,
    /// How long it holds.
    pub scope: UniqueScope,
}

/// How long a unique key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UniqueScope {
    /// Until the job's first attempt starts: what happens during a run may ask
    /// for one more. A retry does not take the key again.
    UntilStarted,
    /// Until the job has ended in any way.
    UntilFinished,
    /// For this long from the enqueue, whether or not the job has ended.
    Window(Duration),
}

impl Unique {
    /// A key that holds until the job's first attempt starts.
    pub fn until_started(key: impl Into<String>) -> Self {
        Self { key: key.into(), scope: UniqueScope::UntilStarted }
    }

    /// A key that holds until the job has ended.
    pub fn until_finished(key: impl Into<String>) -> Self {
        Self { key: key.into(), scope: UniqueScope::UntilFinished }
    }

    /// A key that holds for `window` from the enqueue.
    pub fn within(key: impl Into<String>, window: Duration) -> Self {
        Self { key: key.into(), scope: UniqueScope::Window(window) }
    }
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
