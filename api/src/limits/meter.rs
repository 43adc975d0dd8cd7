//! What a process knows of one subject: the share that it holds, and a limiter of its
//! own that stands in while Redis is down.

use std::time::Duration;

use callboard_shared::optional_redis::Breaker;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::{sync::Mutex, time::Instant};

use super::{
    bucket::{Bucket, Reserved, Returned},
    decision::Decision,
    policy::Policy,
};

/// A share that is not spent by then is given back.
const SHARE_LASTS: Duration = Duration::from_secs(1);

type Local = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>;

/// One subject under one policy.
#[derive(Debug)]
pub(super) struct Meter {
    /// Held while Redis is asked, so that of many requests one asks for all.
    share: Mutex<Share>,
    local: Local,
}

/// What was reserved in Redis and is not spent yet.
#[derive(Debug)]
struct Share {
    left: u32,
    spent: u32,
    /// How much was reserved last.
    size: u32,
    /// The next second's share is a new one.
    lasts_until: Instant,
    /// [`Reserved::whole_at`] of the reservation.
    reserved_until: i64,
    /// How much of the allowance is nobody's, when it was last told.
    unreserved: u32,
    /// When the allowance is whole, as was last told.
    whole_at: Instant,
    /// Nothing is left before then.
    empty_until: Instant,
}

impl Share {
    fn spend(&mut self) {
        self.left -= 1;
        self.spent += 1;
    }

    /// What to reserve next, and what to give back with that: as much as the last
    /// second took, or twice as much as was too little for it.
    fn next(&self, now: Instant, largest: u32) -> (u32, Returned) {
        let is_spent = self.left == 0 && now < self.lasts_until;
        let wanted = if is_spent { self.size.saturating_mul(2) } else { self.spent };
        let returned = Returned { requests: self.left, reserved_until: self.reserved_until };
        (wanted.clamp(1, largest), returned)
    }

    fn renew(&mut self, reserved: &Reserved, now: Instant) {
        self.left = reserved.granted;
        self.spent = 0;
        self.size = reserved.granted;
        self.lasts_until = now + SHARE_LASTS;
        self.reserved_until = reserved.whole_at;
        self.unreserved = reserved.left;
        self.whole_at = now + reserved.reset_after;
        // Others may give something back, so it is looked again after a while.
        self.empty_until = if reserved.granted == 0 { now + reserved.retry_after } else { now };
    }

    fn decision(&self, policy: &Policy, allowed: bool, now: Instant) -> Decision {
        // What is reserved and not spent counts as there.
        let unspent = policy.interval() * self.left;
        Decision {
            policy: *policy,
            allowed,
            remaining: self.unreserved.saturating_add(self.left),
            reset_after: self.whole_at.saturating_duration_since(now).saturating_sub(unspent),
            retry_after: self.empty_until.saturating_duration_since(now),
        }
    }
}

impl Meter {
    pub(super) fn new(policy: &Policy) -> Self {
        let now = Instant::now();
        // The interval is positive: a window is of a minute or more, a quota of a million or less.
        let quota = Quota::with_period(policy.interval()).unwrap_or(Quota::per_minute(policy.quota));
        Self {
            share: Mutex::new(Share {
                left: 0,
                spent: 0,
                size: 0,
                lasts_until: now,
                reserved_until: 0,
                unreserved: policy.quota.get(),
                whole_at: now,
                empty_until: now,
            }),
            local: RateLimiter::direct_with_clock(quota.allow_burst(policy.quota), MonotonicClock).with_middleware(),
        }
    }

    /// Counts one request, if it is allowed.
    pub(super) async fn take(&self, policy: &Policy, bucket: &Bucket<'_>, breaker: &Breaker) -> Decision {
        let mut share = self.share.lock().await;
        let now = Instant::now();
        if share.left == 0 || now >= share.lasts_until {
            // A refusal lasts as long as a share, unless something comes back before.
            if now < share.empty_until && now < share.lasts_until {
                return share.decision(policy, false, now);
            }
            if !breaker.allows() {
                return self.take_locally(policy, &mut share, now);
            }
            let (wanted, returned) = share.next(now, policy.largest_share());
            let reserved = bucket.reserve(policy, wanted, returned).await;
            breaker.note(&reserved);
            let now = Instant::now();
            match reserved {
                Ok(reserved) => share.renew(&reserved, now),
                Err(_) => return self.take_locally(policy, &mut share, now),
            }
            if share.left == 0 {
                return share.decision(policy, false, now);
            }
        }
        share.spend();
        // So that it knows what was spent, should Redis go down.
        let _ = self.local.check();
        share.decision(policy, true, now)
    }

    /// The same by this process alone.
    fn take_locally(&self, policy: &Policy, share: &mut Share, now: Instant) -> Decision {
        let (allowed, remaining, retry_after) = match self.local.check() {
            Ok(state) => (true, state.remaining_burst_capacity(), Duration::ZERO),
            Err(until) => (false, 0, until.wait_time_from(MonotonicClock.now())),
        };
        let missing = policy.quota.get().saturating_sub(remaining);
        share.whole_at = now + policy.interval() * missing;
        share.unreserved = remaining;
        let reset_after = policy.interval() * missing;
        Decision { policy: *policy, allowed, remaining, reset_after, retry_after }
    }

    /// What is left, without counting. While Redis is down, what it was last.
    pub(super) async fn peek(&self, policy: &Policy, bucket: &Bucket<'_>, breaker: &Breaker) -> Decision {
        let mut share = self.share.lock().await;
        if breaker.allows() {
            let looked = bucket.reserve(policy, 0, Returned::default()).await;
            breaker.note(&looked);
            if let Ok(looked) = looked {
                share.unreserved = looked.left;
                share.whole_at = Instant::now() + looked.reset_after;
            }
        }
        let now = Instant::now();
        if now >= share.whole_at {
            share.unreserved = policy.quota.get().saturating_sub(share.left);
        }
        let decision = share.decision(policy, true, now);
        Decision { allowed: decision.remaining > 0, ..decision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{bucket::Buckets, policy::policy_of};

    fn nowhere() -> Buckets {
        Buckets::new("redis://127.0.0.1:1", "test").unwrap()
    }

    #[tokio::test]
    async fn without_redis_the_process_limits_by_itself() {
        let (policy, breaker, buckets) = (policy_of(5, Duration::from_hours(1)), Breaker::new("down", "up"), nowhere());
        let meter = Meter::new(&policy);
        let mut taken = Vec::new();
        for _ in 0..7 {
            taken.push(meter.take(&policy, &buckets.at("a"), &breaker).await);
        }
        let allowed: Vec<_> = taken.iter().map(|decision| (decision.allowed, decision.remaining)).collect();
        assert_eq!(allowed, [(true, 4), (true, 3), (true, 2), (true, 1), (true, 0), (false, 0), (false, 0)]);
        assert!(taken[4].retry_after.is_zero());
        // One comes back in 12 minutes, all in an hour.
        assert!((Duration::from_secs(710)..=Duration::from_mins(12)).contains(&taken[5].retry_after));
        assert!((Duration::from_secs(3_590)..=Duration::from_hours(1)).contains(&taken[5].reset_after));
        assert_eq!(meter.peek(&policy, &buckets.at("a"), &breaker).await.remaining, 0);
    }

    fn share() -> Share {
        let now = Instant::now();
        let mut share = Share {
            left: 0,
            spent: 0,
            size: 0,
            lasts_until: now,
            reserved_until: 0,
            unreserved: 600,
            whole_at: now,
            empty_until: now,
        };
        renew(&mut share, 8);
        share
    }

    fn renew(share: &mut Share, granted: u32) {
        let second = Duration::from_secs(1);
        let reserved = Reserved { granted, left: 500, reset_after: second, retry_after: second, whole_at: 42 };
        share.renew(&reserved, Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_grows_with_the_need_up_to_its_bound() {
        let mut share = share();
        (0..8).for_each(|_| share.spend());
        let nothing = Returned { requests: 0, reserved_until: 42 };
        assert_eq!(share.next(Instant::now(), 30), (16, nothing));
        assert_eq!(share.next(Instant::now(), 10), (10, nothing));
        renew(&mut share, 0);
        assert_eq!(share.next(Instant::now(), 30).0, 1, "one is always asked for");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_after_a_second_is_given_back() {
        let mut share = share();
        (0..3).for_each(|_| share.spend());
        tokio::time::advance(SHARE_LASTS).await;
        let rest = Returned { requests: 5, reserved_until: 42 };
        assert_eq!(share.next(Instant::now(), 30), (3, rest));
    }
}
