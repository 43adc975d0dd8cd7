//! The allowances in Redis.
//!
//! | key | type | what |
//! |---|---|---|
//! | `{<prefix>}:limit:<policy>:<subject>` | string | when the subject's allowance is whole again, in microseconds since 1970; it expires then |

use std::time::Duration;

use callboard_shared::optional_redis::{connect, within_deadline};
use redis::{RedisError, Script, aio::ConnectionManager};

use super::policy::Policy;

/// All allowances: a connection of its own, and the script.
pub(super) struct Buckets {
    manager: ConnectionManager,
    script: Script,
    prefix: String,
}

/// The allowance of one subject.
pub(super) struct Bucket<'a> {
    buckets: &'a Buckets,
    name: &'a str,
}

/// What a process gives back of an earlier reservation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Returned {
    pub(super) requests: u32,
    /// [`Reserved::whole_at`] of that reservation.
    pub(super) reserved_until: i64,
}

/// What Redis says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) granted: u32,
    pub(super) left: u32,
    pub(super) reset_after: Duration,
    pub(super) retry_after: Duration,
    /// The key's moment, by Redis' clock.
    pub(super) whole_at: i64,
}

impl Buckets {
    /// Never waits: the connection is made when first used.
    pub(super) fn new(url: &str, prefix: &str) -> Result<Self, RedisError> {
        Ok(Self {
            manager: connect(url)?,
            script: Script::new(include_str!("gcra.lua")),
            prefix: format!("{{{prefix}}}:limit:"),
        })
    }

    /// The allowance of `name`, which is a policy and a subject.
    pub(super) fn at<'a>(&'a self, name: &'a str) -> Bucket<'a> {
        Bucket { buckets: self, name }
    }
}

impl Bucket<'_> {
    /// Takes up to `wanted` requests, and gives some back before, in one round
    /// trip. A `wanted` of 0 only looks.
    ///
    /// # Errors
    /// When Redis fails, or has not answered in 50 ms.
    pub(super) async fn reserve(
        &self,
        policy: &Policy,
        wanted: u32,
        returned: Returned,
    ) -> Result<Reserved, RedisError> {
        let Buckets { manager, script, prefix } = self.buckets;
        let interval = policy.window.as_secs_f64() * 1e6 / f64::from(policy.quota.get());
        let mut call = script.key(format!("{prefix}{}", self.name));
        call.arg(interval).arg(policy.quota.get()).arg(wanted).arg(returned.requests).arg(returned.reserved_until);
        let mut manager = manager.clone();
        let (granted, left, reset, retry, whole_at): (u32, u32, u64, u64, i64) =
            within_deadline(call.invoke_async(&mut manager)).await?;
        let (reset_after, retry_after) = (Duration::from_micros(reset), Duration::from_micros(retry));
        Ok(Reserved { granted, left, reset_after, retry_after, whole_at })
    }
}
