//! Every Redis key and element, as pure functions over one prefix.
//!
//! | key | type | what |
//! |---|---|---|
//! | `{<prefix>}:ready:<queue>:<priority>` | list | ready jobs, the next one at the head |
//! | `{<prefix>}:trial` | none | what is pushed to a list that is there, and so never: asks whether Redis takes jobs |
//! | `{<prefix>}:signals` | channel | what workers are told at once (`Signal`) |
//! | `{<prefix>}:progress` | channel | how far running jobs are (`Progress`) |
//!
//! The braces are Redis Cluster's hash tag: all keys of one prefix share a slot,
//! which `BLMPOP` over several lists needs. A list element is 24 bytes: when the
//! job was queued (milliseconds since 1970, PostgreSQL's clock, big-endian)
//! and its id.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Error, Priority, policy::is_queue};

/// The first part of every key, so that several systems can share one Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Accepts 1 to 100 of `[A-Za-z0-9._-]` and `:`.
    ///
    /// # Errors
    /// [`Error::Setting`] for anything else; braces would change the hash tag.
    pub fn parse(prefix: &str) -> Result<Self, Error> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        if (1..=100).contains(&prefix.len()) && prefix.chars().all(allowed) {
            return Ok(Self(prefix.to_owned()));
        }
        Err(Error::Setting {
            name: "prefix",
            problem: format!("`{prefix}` must be 1 to 100 letters, digits, dots, dashes, colons or underscores"),
        })
    }

    /// The key at which nothing ever is.
    pub(crate) fn trial(&self) -> String {
        format!("{{{}}}:trial", self.0)
    }

    /// The channel on which workers are told what can't wait for their next beat.
    pub(crate) fn signals(&self) -> String {
        format!("{{{}}}:signals", self.0)
    }

    /// The channel on which running jobs tell how far they are.
    pub(crate) fn progress(&self) -> String {
        format!("{{{}}}:progress", self.0)
    }
}

/// One ready list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct List {
    /// The queue's name.
    pub queue: String,
    /// Which of its three lists.
    pub priority: Priority,
}

impl List {
    /// The list of `queue` at `priority`.
    pub fn new(queue: impl Into<String>, priority: Priority) -> Self {
        Self { queue: queue.into(), priority }
    }

    /// Whether the ledger takes the queue's name: 1 to 50 of `[a-z0-9_-]`.
    pub(crate) fn is_valid(&self) -> bool {
        is_queue(&self.queue)
    }

    /// Its key in Redis.
    #[must_use]
    pub fn key(&self, prefix: &Prefix) -> String {
        format!("{{{}}}:ready:{}:{}", prefix.0, self.queue, self.priority)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.queue, self.priority)
    }
}

/// An element of a ready list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// When the job was put on the list, in milliseconds since 1970.
    pub queued_at_ms: i64,
    /// The job.
    pub id: Uuid,
}

impl Element {
    /// Bytes on the list.
    pub const LEN: usize = 24;

    /// The element for a job queued at `queued_at`.
    #[must_use]
    pub fn new(queued_at: DateTime<Utc>, id: Uuid) -> Self {
        Self { queued_at_ms: queued_at.timestamp_millis(), id }
    }

    /// The bytes that go on the list.
    #[must_use]
    pub fn encode(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.queued_at_ms.to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        bytes
    }

    /// Reads an element, or `None` for bytes that are not ours.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (time, id) = bytes.split_at(8);
        Some(Self {
            queued_at_ms: i64::from_be_bytes(time.try_into().ok()?),
            id: Uuid::from_bytes(id.try_into().ok()?),
        })
    }

    /// When the job was put on the list; `None` for a time outside chrono's range.
    #[must_use]
    pub fn queued_at(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.queued_at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_prefix_share_a_hash_tag() {
        let prefix = Prefix::parse("callboard").unwrap();
        let key = List::new("mail", Priority::High).key(&prefix);
        assert_eq!(key, "{callboard}:ready:mail:high");
    }

    #[test]
    fn prefixes_that_would_break_the_tag_are_refused() {
        for bad in ["", "a{b}", "a b", "é", &"x".repeat(101)] {
            assert!(Prefix::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn elements_survive_the_round_trip_and_strangers_are_recognised() {
        let element = Element { queued_at_ms: 1_790_000_000_123, id: Uuid::now_v7() };
        assert_eq!(Element::decode(&element.encode()), Some(element));
        for bad in [&b"hello"[..], &[0; 23], &[0; 25]] {
            assert_eq!(Element::decode(bad), None);
        }
    }
}
