//! What is told after a commit: to the ready lists, and to those who wait.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Priority, keys::List};

/// A job that is ready, and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) list: List,
    pub(crate) id: Uuid,
    pub(crate) queued_at: DateTime<Utc>,
}

impl Ready {
    /// From the columns of its row.
    pub(crate) fn new(queue: impl Into<String>, rank: i16, id: Uuid, queued_at: DateTime<Utc>) -> Self {
        Self { list: List::new(queue, Priority::from_rank(rank)), id, queued_at }
    }
}

/// A job that has left its list or its slot: others may wait for that.
#[derive(Clone, Debug)]
pub(crate) struct Gone {
    pub(crate) id: Uuid,
    /// The limit key whose slot is free.
    pub(crate) limit_key: Option<String>,
    /// Whether jobs wait for its end.
    pub(crate) has_children: bool,
}

/// What an enqueue has to tell after the commit.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    /// What belongs on the ready lists.
    pub(crate) ready: Vec<Ready>,
    /// The limit keys that have one more job waiting.
    pub(crate) limit_keys: BTreeSet<String>,
}
