//! A job about to be stored, and what is checked before: an enqueue fails here,
//! with an error that names the field, and never later in the worker.

use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    Error, Job, PayloadKeys, Priority,
    backoff::millis,
    job::{MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH},
    limit::Limit,
    policy::{MAX_WAIT, Policy, SHORTEST},
    unique::Unique,
};

/// The most jobs that one may wait for.
const MAX_PARENTS: usize = 10_000;
/// The highest limit: each admission counts what is admitted.
const MAX_LIMIT: u32 = 10_000;
/// The last year in which a job may be due.
const LAST_YEAR: i32 = 9999;

/// What became of one job of an enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: the new one, or the one that holds the unique key already.
    pub id: Uuid,
    /// Whether a job that holds the unique key was found instead of making one.
    pub existing: bool,
}

/// Deviations from a kind's policy for one enqueue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnqueueOptions {
    /// Not before this time, by PostgreSQL's clock. A time that has passed means
    /// now; one after the year 9999 is refused.
    pub run_at: Option<DateTime<Utc>>,
    /// Another priority than the kind's.
    pub priority: Option<Priority>,
    /// Another number of attempts than the kind's; at least 1.
    pub max_attempts: Option<i16>,
    /// Another time to wait for a start than the kind's; see [`Job::EXPIRES_IN`].
    pub expires_in: Option<Duration>,
    /// Not before these jobs have ended. They must exist.
    pub after: Vec<Uuid>,
    /// What becomes of the job when one of them fails: is discarded or cancelled.
    pub on_parent_failure: OnParentFailure,
}

/// What becomes of a job when one that it waits for does not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnParentFailure {
    /// It is cancelled, and so are those that wait for it in the same way.
    #[default]
    Cancel,
    /// It runs all the same, once all have ended: as for the callback of a batch.
    Run,
}

impl OnParentFailure {
    /// The word in the ledger.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Run => "run",
        }
    }
}

/// A job about to be inserted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewJob {
    #[serde(skip, default = "Uuid::now_v7")]
    pub(crate) id: Uuid,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) payload_version: i16,
    pub(crate) queue: Cow<'static, str>,
    pub(crate) priority: Priority,
    pub(crate) payload: Box<RawValue>,
    pub(crate) max_attempts: i16,
    pub(crate) run_at: Option<DateTime<Utc>>,
    pub(crate) timeout_ms: i32,
    pub(crate) expires_in_ms: Option<i64>,
    pub(crate) unique: Option<Unique>,
    pub(crate) limit: Option<Limit>,
    #[serde(skip)]
    pub(crate) after: Vec<Uuid>,
    #[serde(skip)]
    pub(crate) on_parent_failure: OnParentFailure,
    /// Whether jobs wait for it that are enqueued with it.
    #[serde(skip)]
    pub(crate) has_children: bool,
    /// Whether the payload is still to be sealed.
    #[serde(skip)]
    pub(crate) to_seal: bool,
}

impl NewJob {
    /// Makes a row of `job`, by its kind's policy and `options`.
    pub(crate) fn new<J: Job>(job: &J, options: &EnqueueOptions) -> Result<Self, Error> {
        let policy = Policy::of::<J>();
        let policy = Policy {
            priority: options.priority.unwrap_or(policy.priority),
            max_attempts: options.max_attempts.unwrap_or(policy.max_attempts),
            expires_in: options.expires_in.or(policy.expires_in),
            ..policy
        };
        policy.check(J::KIND)?;
        if options.run_at.is_some_and(|at| at.year() > LAST_YEAR) {
            let problem = format!("the year {LAST_YEAR} is the last that is taken");
            return Err(Error::Policy { kind: J::KIND.to_owned(), field: "run_at", problem });
        }
        let unique = job.unique();
        if let Some(unique) = &unique {
            unique.check(J::KIND)?;
        }
        let limit = job.limit();
        if let Some(limit) = &limit {
            limit.check(J::KIND)?;
        }
        if options.after.len() > MAX_PARENTS {
            let problem = format!("a job may wait for {MAX_PARENTS} others at most");
            return Err(Error::Policy { kind: J::KIND.to_owned(), field: "after", problem });
        }
        Ok(Self {
            id: Uuid::now_v7(),
            kind: J::KIND.into(),
            payload_version: J::PAYLOAD_VERSION,
            queue: policy.queue.into(),
            priority: policy.priority,
            payload: payload_of(job)?,
            max_attempts: policy.max_attempts,
            // PostgreSQL's time begins in 4713 BC; what is long over is due now.
            run_at: options.run_at.map(|at| at.max(DateTime::UNIX_EPOCH)),
            timeout_ms: i32::try_from(policy.timeout.as_millis()).unwrap_or(i32::MAX),
            expires_in_ms: policy.expires_in.map(millis),
            unique,
            limit,
            after: options.after.clone(),
            on_parent_failure: options.on_parent_failure,
            has_children: false,
            to_seal: J::ENCRYPTED,
        })
    }
}

impl NewJob {
    /// Encrypts the payload, if its kind asks for it.
    pub(crate) fn seal(&mut self, keys: &PayloadKeys) -> Result<(), Error> {
        if std::mem::take(&mut self.to_seal) {
            self.payload = keys.seal(&self.kind, &self.payload)?;
        }
        Ok(())
    }

    /// Another job like this one.
    pub(crate) fn again(&self) -> Self {
        Self { id: Uuid::now_v7(), ..self.clone() }
    }
}

impl Limit {
    fn check(&self, kind: &str) -> Result<(), Error> {
        let refuse =
            |field, problem: &str| Err(Error::Policy { kind: kind.to_owned(), field, problem: problem.to_owned() });
        if !(1..=300).contains(&self.key.chars().count()) || self.key.contains(char::is_control) {
            return refuse("limit.key", "it must have 1 to 300 characters, and no control characters");
        }
        let allowed = |limit: Option<u32>| limit.is_none_or(|limit| (1..=MAX_LIMIT).contains(&limit));
        if !allowed(self.concurrency) {
            return refuse("limit.concurrency", "it must be 1 to 10,000: with 0 no job would ever run");
        }
        if !allowed(self.per_minute) {
            return refuse("limit.per_minute", "it must be 1 to 10,000: with 0 no job would ever run");
        }
        Ok(())
    }
}

impl Unique {
    fn check(&self, kind: &str) -> Result<(), Error> {
        let refuse =
            |field, problem: &str| Err(Error::Policy { kind: kind.to_owned(), field, problem: problem.to_owned() });
        let length = self.key.chars().count();
        if !(1..=300).contains(&length) {
            return Err(Error::UniqueKey { kind: kind.to_owned(), length });
        }
        if self.key.contains('\0') {
            return refuse("unique.key", "it has a NUL character");
        }
        if matches!(self.scope, crate::UniqueScope::Window(window) if !(SHORTEST..=MAX_WAIT).contains(&window)) {
            return refuse("unique", "a key is held for a millisecond at least and ten years at most");
        }
        Ok(())
    }
}

fn payload_of<J: Job>(job: &J) -> Result<Box<RawValue>, Error> {
    let unusable = |problem: String| Error::Payload { kind: J::KIND.to_owned(), problem };
    let json = serde_json::to_string(job).map_err(|error| unusable(error.to_string()))?;
    if json.len() > MAX_PAYLOAD_BYTES {
        return Err(unusable(format!("{} bytes of JSON; {MAX_PAYLOAD_BYTES} are allowed", json.len())));
    }
    // jsonb has no U+0000; PostgreSQL would refuse the whole transaction.
    if has_nul(&json) {
        return Err(unusable("a string in it has a NUL character".to_owned()));
    }
    // Deeper ones are written, and then no parser reads them.
    let depth = depth(&json);
    if depth > MAX_PAYLOAD_DEPTH {
        return Err(unusable(format!("nested {depth} levels deep; {MAX_PAYLOAD_DEPTH} are allowed")));
    }
    RawValue::from_string(json).map_err(|error| unusable(error.to_string()))
}

/// Whether JSON text has an escaped U+0000 (an escaped backslash before it makes it plain text).
pub(crate) fn has_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let backslashes = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        backslashes % 2 == 0
    })
}

/// How deep arrays and objects are nested in JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    #[test]
    fn a_key_is_held_for_some_time_and_not_for_ever() {
        for window in [Duration::ZERO, Duration::MAX] {
            let refused = Unique::within("k", window).check("test.kind");
            assert!(matches!(refused, Err(Error::Policy { field: "unique", .. })), "{window:?}");
        }
        assert!(Unique::within("k", SHORTEST).check("test.kind").is_ok());
    }

    #[test]
    fn only_a_real_nul_counts() {
        assert!(has_nul(&json("a\0b")));
        assert!(has_nul(&json("\\\0")));
        assert!(!has_nul(&json("a literal \\u0000")));
        assert!(!has_nul(&json("nothing")));
    }

    #[test]
    fn depth_counts_levels_and_not_brackets_in_text() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(r#"{"a":[[1],{"b":2}],"c":[]}"#), 3);
        assert_eq!(depth(&json("[[[{{{\"[[")), 0);
        assert_eq!(depth(&("[".repeat(100) + &"]".repeat(100))), 100);
    }
}
