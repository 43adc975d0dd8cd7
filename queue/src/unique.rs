//! How often the same job may be asked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
