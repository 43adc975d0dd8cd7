//! What a handler can say of its run, and what follows from it.

use std::{error::Error as StdError, fmt, time::Duration};

use serde_json::Value;

/// How a run ended. Every way but an error is one of these.
///
/// | outcome | the job becomes | attempt counts |
/// |---|---|---|
/// | [`Completed`](Self::Completed), [`CompletedWith`](Self::CompletedWith) | `completed` | yes |
/// | [`RetryAfter`](Self::RetryAfter) | `scheduled`; `discarded` after the last attempt | yes |
/// | [`Snooze`](Self::Snooze) | `scheduled` | no |
/// | [`Discard`](Self::Discard) | `discarded` at once | yes |
/// | [`Committed`](Self::Committed) | what [`Run::complete_in`](crate::Run::complete_in) wrote | yes |
/// | `Err(`[`Failure`]`)`, a panic, a time-out | `scheduled` by the kind's backoff; `discarded` after the last attempt | yes |
///
/// A job that somebody has cancelled meanwhile becomes `cancelled` wherever the
/// table says `scheduled`, and where the attempt fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done, nothing to tell.
    Completed,
    /// Done, with a result of at most 64 KiB of JSON. A larger one is replaced
    /// by a note of its size.
    CompletedWith(Value),
    /// Not now: again after this time, for this reason. For an answer such as
    /// HTTP 429 with `Retry-After`; else return an error and let the backoff decide.
    RetryAfter(Duration, String),
    /// Not yet: again after this time, as if this attempt had not been. For a
    /// job that waits for something else to happen.
    Snooze(Duration),
    /// Never: no further attempt can succeed, for this reason.
    Discard(String),
    /// The handler's own transaction has finished the job already.
    Committed(Finished),
}

/// Proof that the job's completion was written in the handler's transaction.
/// Only [`Run::complete_in`](crate::Run::complete_in) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished(pub(crate) ());

/// An attempt that failed, and may be tried again.
///
/// Any error converts into one, so a handler can use `?`. The text (with the
/// error's sources) goes into the job's error history and the log, so it must
/// not carry secrets or personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
}

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// What is written into the error history.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// `Failure` is no `Error` itself, so that this conversion can cover every error.
impl<E: StdError> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !message.ends_with(&cause_text) {
                message.push_str(": ");
                message.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self { message }
    }
}

/// Why an attempt failed, as the error history tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The handler returned an error or asked for a retry.
    Error,
    /// The handler said that no attempt can succeed.
    Discarded,
    /// The handler panicked.
    Panic,
    /// The attempt ran longer than its time-out.
    Timeout,
    /// The payload no longer decodes into the kind's type.
    Undecodable,
    /// The worker that ran it is gone.
    WorkerLost,
    /// Somebody cancelled the job while it ran.
    Cancelled,
}

impl FailureKind {
    /// The word in the error history.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Discarded => "discarded",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Undecodable => "undecodable",
            Self::WorkerLost => "worker_lost",
            Self::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not send")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn a_failure_tells_its_sources_once() {
        let inner = "x".parse::<i32>().unwrap_err();
        let failure = Failure::from(Outer(inner));
        assert_eq!(failure.message(), "could not send: invalid digit found in string");
    }
}
