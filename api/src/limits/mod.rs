//! How often a caller may ask: rate limits by principal, else by address.
//!
//! The algorithm is GCRA: each subject has one moment, the time at which its
//! allowance will be whole again. A request moves it on by the time that one
//! request takes to come back; a moment further away than the whole allowance is a
//! refusal. So what is unused may be spent at once, and comes back evenly.
//!
//! | part | what |
//! |---|---|
//! | `policy` | the limits of the settings: how many, in which time, counted by what |
//! | `subject` | who is counted |
//! | `bucket` | the moments, in Redis: one script, one round trip |
//! | `meter` | what a process knows of one subject: its share, and the limiter that stands in |
//! | `decision` | the answer, and the headers and problem that it becomes |
//!
//! **Shares.** A round trip a request would be too much, so a process reserves a
//! share of what is left, spends it within a second, and gives the rest back with its
//! next reservation. A share is as large as the last second's need, and at most a
//! twentieth of the whole; nothing is ever allowed that was not reserved before, so
//! the sum over all processes keeps to the limit.
//!
//! **Without Redis** (down, or slower than 50 ms) each process limits by itself
//! with the same quotas, by a limiter that has counted all along. Redis is tried again
//! once a second. Never open, never closed: `tests/it/faults/rate_limits.rs`.

mod bucket;
mod decision;
mod meter;
mod policy;
mod subject;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use callboard_shared::optional_redis::Breaker;
use moka::{policy::EvictionPolicy, sync::Cache};

pub(crate) use self::decision::{RATE_LIMIT, RATE_LIMIT_POLICY, whole_seconds};
use self::{bucket::Buckets, meter::Meter, policy::Policies, subject::Names};
pub use self::{
    decision::{Decision, RateHeaders},
    policy::Policy,
    subject::Subject,
};
use crate::{
    error::Problem,
    metrics::{HttpMetrics, Rejection},
    settings::Settings,
};

/// Most subjects that a process remembers; of more, those unseen for longest are
/// forgotten. About 25 MB.
const MOST_SUBJECTS: u64 = 50_000;

/// The longest time of a policy: after that, an unseen subject's allowance is whole.
const FORGET_AFTER: Duration = Duration::from_hours(1);

/// A limit that a route stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Limit {
    /// Requests of a principal; of an address where nobody is logged in.
    #[default]
    General,
    /// Attempts to log in.
    Login,
    /// Accounts made.
    Register,
    /// Mails that anybody can have sent: password resets, fresh links.
    Reset,
    /// Sessions renewed.
    Refresh,
    /// API keys that nobody has heard of, counted before PostgreSQL is asked for them.
    StrangeKey,
    /// Not limited: probes, documents, the view of the limits themselves.
    Free,
}

/// The limits of the settings. Cheap to clone.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    policies: Policies,
    names: Names,
    meters: Cache<String, Arc<Meter>>,
    buckets: Buckets,
    breaker: Breaker,
    metrics: Arc<HttpMetrics>,
}

impl Limits {
    /// Never waits: the connection to Redis is made when first used.
    ///
    /// # Errors
    /// When the URL of Redis can't be used.
    pub fn new(settings: &Settings, metrics: Arc<HttpMetrics>) -> Result<Self, redis::RedisError> {
        Ok(Self(Arc::new(Inner {
            policies: Policies::new(&settings.limits),
            names: Names::new(settings.token_key.token_key.expose()),
            meters: Cache::builder()
                .max_capacity(MOST_SUBJECTS)
                .time_to_idle(FORGET_AFTER)
                // The usual policy turns away newcomers, who then would never be counted.
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            buckets: Buckets::new(settings.redis.redis_url.expose(), &settings.redis.queue_prefix)?,
            breaker: Breaker::new(
                "redis does not count requests; each process limits by itself until it is back",
                "redis answers again; requests are counted over all processes",
            ),
            metrics,
        })))
    }

    /// Counts a request of this principal, or else of this address, against a
    /// route's limit. All but the general limit count the address in any case.
    ///
    /// # Errors
    /// 429 `rate_limited` with `Retry-After` when it is one too many.
    pub async fn admit(
        &self,
        limit: Limit,
        principal: Option<&str>,
        ip: Option<IpAddr>,
    ) -> Result<RateHeaders, Problem> {
        let subject = match principal {
            Some(principal) if limit == Limit::General => Subject::Principal(principal),
            _ => Subject::address(ip),
        };
        self.admit_subject(limit, subject).await
    }

    /// Counts a request against the limit of one account, whoever it comes from:
    /// by the name that stands for the account.
    /// For handlers, after the route's own count by address.
    ///
    /// # Errors
    /// 429 `rate_limited` with `Retry-After` when it is one too many.
    pub async fn admit_account(&self, limit: Limit, login: &str) -> Result<RateHeaders, Problem> {
        self.admit_subject(limit, Subject::Account(login)).await
    }

    async fn admit_subject(&self, limit: Limit, subject: Subject<'_>) -> Result<RateHeaders, Problem> {
        match self.check(limit, subject).await {
            None => Ok(RateHeaders::none()),
            Some(decision) if decision.allowed => Ok(RateHeaders::of(&decision)),
            Some(decision) => {
                self.0.metrics.rejected(Rejection::Rate);
                Err(decision.into_problem())
            }
        }
    }

    /// Counts one request, if it is allowed; `None` where there is no limit.
    pub async fn check(&self, limit: Limit, subject: Subject<'_>) -> Option<Decision> {
        let policy = self.0.policies.of(limit, &subject)?;
        let (name, meter) = self.meter(policy, &subject);
        Some(meter.take(policy, &self.0.buckets.at(&name), &self.0.breaker).await)
    }

    /// What is left, without counting; `None` where there is no limit.
    pub async fn peek(&self, limit: Limit, subject: Subject<'_>) -> Option<Decision> {
        let policy = self.0.policies.of(limit, &subject)?;
        let (name, meter) = self.meter(policy, &subject);
        Some(meter.peek(policy, &self.0.buckets.at(&name), &self.0.breaker).await)
    }

    fn meter(&self, policy: &Policy, subject: &Subject<'_>) -> (String, Arc<Meter>) {
        let name = format!("{}:{}", policy.name, self.0.names.of(subject));
        let meter = self.0.meters.get_with_by_ref(name.as_str(), || Arc::new(Meter::new(policy)));
        (name, meter)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("policies", &self.0.policies).finish_non_exhaustive()
    }
}
