//! What a job is: a payload with a stable name and a policy.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Backoff, Limit, Priority, Retention, Unique};

/// The largest payload in bytes of JSON. Larger things belong in storage, with
/// their key in the payload.
pub const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// How deep arrays and objects may be nested in a payload.
pub const MAX_PAYLOAD_DEPTH: usize = 64;

/// The largest result in bytes of JSON.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

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
