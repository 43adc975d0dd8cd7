//! Whether a request may go on, and how its client is told.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::Policy;
use crate::error::{Code, Problem, Text};

/// `RateLimit-Policy`, as the IETF's draft has it: `"general";q=600;w=60`.
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// `RateLimit`, as the IETF's draft has it: `"general";r=598;t=1`.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Whether a request may go on, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The limit that was asked about.
    pub policy: Policy,
    /// Whether the request may go on.
    pub allowed: bool,
    /// How many more would be allowed now.
    pub remaining: u32,
    /// When the allowance is whole again.
    pub reset_after: Duration,
    /// When the next request is allowed; zero while any remains.
    pub retry_after: Duration,
}

impl Decision {
    /// The refusal.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        let seconds = whole_seconds(self.retry_after).max(1);
        let problem = Problem::new(Code::RateLimited)
            .with_detail(Text::new(
                format!("Too many requests. The next one is taken in {seconds} s."),
                format!("요청이 너무 많습니다. {seconds}초 뒤에 다시 시도하세요."),
            ))
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds));
        let headers = RateHeaders::of(&self).0.into_iter().flatten();
        headers.fold(problem, |problem, (name, value)| problem.with_header(name, value))
    }
}

/// The headers that tell a client of its limit.
#[derive(Debug, Clone)]
pub struct RateHeaders(Option<[(HeaderName, HeaderValue); 2]>);

impl RateHeaders {
    /// Of a route without a limit.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Of a route with one.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        let Policy { name, quota, window } = decision.policy;
        let policy = format!("\"{name}\";q={quota};w={}", window.as_secs());
        let limit = format!("\"{name}\";r={};t={}", decision.remaining, whole_seconds(decision.reset_after));
        let header = |name, value: String| Some((name, HeaderValue::from_str(&value).ok()?));
        Self(header(RATE_LIMIT_POLICY, policy).zip(header(RATE_LIMIT, limit)).map(<[_; 2]>::from))
    }

    /// Puts them into an answer that has none; a handler's own are about a
    /// narrower limit and stay.
    pub fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.0.iter().flatten() {
            headers.entry(name).or_insert(value.clone());
        }
    }
}

/// In whole seconds, rounded up: a client that waits that long has waited enough.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::policy::policy_of;

    #[test]
    fn a_decision_is_told_in_structured_fields() {
        let decision = Decision {
            policy: policy_of(600, Duration::from_mins(1)),
            allowed: true,
            remaining: 598,
            reset_after: Duration::from_millis(200),
            retry_after: Duration::ZERO,
        };
        let mut headers = HeaderMap::new();
        RateHeaders::of(&decision).add_to(&mut headers);
        assert_eq!(headers[RATE_LIMIT_POLICY], "\"test\";q=600;w=60");
        assert_eq!(headers[RATE_LIMIT], "\"test\";r=598;t=1");
        RateHeaders::of(&Decision { remaining: 1, ..decision }).add_to(&mut headers);
        assert_eq!(headers[RATE_LIMIT], "\"test\";r=598;t=1", "what is there stays");
        RateHeaders::none().add_to(&mut HeaderMap::new());
    }
}
