//! `GET /api/v1/rate-limits`: what is left of the caller's limits.

use axum::{Json, extract::State};
use futures::future::join_all;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    extract::RequestInfo,
    limits::{Decision, Limit, Subject, whole_seconds},
    state::AppState,
};

/// The limits that are shown: the general one, and those counted by address.
const SHOWN: [Limit; 5] = [Limit::General, Limit::Login, Limit::Register, Limit::Reset, Limit::Refresh];

/// The caller's limits.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateLimits {
    /// One for each limit, as `RateLimit-Policy` names them.
    items: Vec<RateLimit>,
}

/// One limit and what is left of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateLimit {
    /// The limit's name in the headers.
    #[schema(example = "general")]
    name: &'static str,
    /// By what it is counted.
    counted_by: CountedBy,
    /// Requests that are allowed in the window.
    #[schema(example = 600)]
    limit: u32,
    /// The time in which a spent allowance has come back, in seconds.
    #[schema(example = 60)]
    window_seconds: u64,
    /// Requests that are allowed now.
    #[schema(example = 598)]
    remaining: u32,
    /// Seconds until the whole allowance is there again.
    #[schema(example = 1)]
    reset_seconds: u64,
}

/// By what requests are counted.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// By the user or the API key.
    Principal,
    /// By the client's address, an IPv6 one by its /64.
    Address,
}

impl RateLimit {
    fn new(counted_by: CountedBy, decision: Decision) -> Self {
        Self {
            name: decision.policy.name,
            counted_by,
            limit: decision.policy.quota.get(),
            window_seconds: decision.policy.window.as_secs(),
            remaining: decision.remaining,
            reset_seconds: whole_seconds(decision.reset_after),
        }
    }
}

/// Show the caller's rate limits
///
/// Asking counts against none of them. Attempts on one account have a limit of their
/// own besides, which nobody is shown.
#[utoipa::path(get, path = "/api/v1/rate-limits", tag = "service",
    responses((status = 200, description = "The caller's limits", body = RateLimits)))]
pub async fn show(State(state): State<AppState>, info: RequestInfo) -> Json<RateLimits> {
    let look = async |limit| {
        let (counted_by, subject) = match info.principal() {
            Some(principal) if limit == Limit::General => (CountedBy::Principal, Subject::Principal(principal)),
            _ => (CountedBy::Address, Subject::address(info.client_ip())),
        };
        let decision = state.limits.peek(limit, subject).await?;
        Some(RateLimit::new(counted_by, decision))
    };
    let items = join_all(SHOWN.map(look)).await.into_iter().flatten().collect();
    Json(RateLimits { items })
}
