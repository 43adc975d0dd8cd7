//! How urgent a job is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A job's priority. Each queue has one ready list a priority.
///
/// In [`Mode::Strict`](crate::Mode::Strict) a higher priority is always served
/// first; in [`Mode::Weighted`](crate::Mode::Weighted) the first priority to be
/// looked at is drawn 6 : 3 : 1, so a lower one never starves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody is waiting for it.
    High,
    /// The usual.
    #[default]
    Default,
    /// When there is nothing better to do.
    Low,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Default, Self::Low];

    /// The name in Redis keys, metrics and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Default => "default",
            Self::Low => "low",
        }
    }

    /// The number stored in the ledger: 0 high, 1 default, 2 low.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::High => 0,
            Self::Default => 1,
            Self::Low => 2,
        }
    }

    /// The priority stored as `rank`. The ledger's CHECK allows 0, 1 and 2.
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        match rank {
            0 => Self::High,
            1 => Self::Default,
            _ => Self::Low,
        }
    }
}

impl From<i16> for Priority {
    fn from(rank: i16) -> Self {
        Self::from_rank(rank)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
