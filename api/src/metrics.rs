//! The HTTP side's metrics: handles on a recorder that is passed in.
//!
//! [`METRICS`] is the one table of names, labels and help texts.

use std::{fmt, sync::Arc, time::Duration};

use callboard_queue::metrics::{Declared, Type};
use callboard_shared::cache::CacheMetrics;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use sqlx::PgPool;

use crate::error::Problem;

const DURATION: &str = "http_server_request_duration_seconds";
const IN_FLIGHT: &str = "http_server_requests_in_flight";
const REQUEST_BYTES: &str = "http_server_request_body_bytes";
const RESPONSE_BYTES: &str = "http_server_response_body_bytes";
const REJECTED: &str = "http_server_requests_rejected_total";
const POOL: &str = "db_pool_connections";
const POOL_WAIT: &str = "db_pool_wait_seconds";
const AUTH: &str = "auth_outcomes_total";
const REPLAYS: &str = "idempotent_replays_total";
const CACHE_HITS: &str = "cache_hits_total";
const CACHE_MISSES: &str = "cache_misses_total";
const CACHE_FILLS: &str = "cache_fills_total";
const CACHE_INVALIDATIONS: &str = "cache_invalidations_total";
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Every metric of the HTTP side.
pub const METRICS: &[Declared] = &[
    Declared {
        name: DURATION,
        r#type: Type::Histogram,
        labels: &["method", "route", "status"],
        help: "Time to answer a request, by route template.",
    },
    Declared { name: IN_FLIGHT, r#type: Type::Gauge, labels: &[], help: "Requests being answered now." },
    Declared {
        name: REQUEST_BYTES,
        r#type: Type::Histogram,
        labels: &[],
        help: "Size of request bodies as they were read, of requests that have one.",
    },
    Declared {
        name: RESPONSE_BYTES,
        r#type: Type::Histogram,
        labels: &[],
        help: "Size of answers' bodies as they were sent.",
    },
    Declared {
        name: REJECTED,
        r#type: Type::Counter,
        labels: &["reason"],
        help: "Requests refused by reason: rate, shed and size.",
    },
    Declared {
        name: POOL,
        r#type: Type::Gauge,
        labels: &["state"],
        help: "Connections to PostgreSQL by state: idle and used.",
    },
    Declared {
        name: POOL_WAIT,
        r#type: Type::Histogram,
        labels: &[],
        help: "Time until a request's transaction had its connection and had begun.",
    },
    Declared {
        name: AUTH,
        r#type: Type::Counter,
        labels: &["method", "outcome"],
        help: "Logins and refreshes by method (password, totp, provider, refresh) and outcome: succeeded, or the code of the problem.",
    },
    Declared {
        name: REPLAYS,
        r#type: Type::Counter,
        labels: &[],
        help: "Requests answered with the stored answer of their Idempotency-Key.",
    },
    Declared {
        name: CACHE_HITS,
        r#type: Type::Counter,
        labels: &["resource"],
        help: "Pages of public lists served from Redis.",
    },
    Declared {
        name: CACHE_MISSES,
        r#type: Type::Counter,
        labels: &["resource"],
        help: "Pages of public lists that were not in Redis, or for which it could not be asked.",
    },
    Declared {
        name: CACHE_FILLS,
        r#type: Type::Counter,
        labels: &["resource"],
        help: "Pages of public lists stored in Redis.",
    },
    Declared {
        name: CACHE_INVALIDATIONS,
        r#type: Type::Counter,
        labels: &["resource"],
        help: "Writes that ended all cached pages of their resource.",
    },
];

/// A recorder that handles can be registered on later, from any thread.
pub type SharedRecorder = Arc<dyn Recorder + Send + Sync>;

/// Why a request was refused before anything was done for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// One too many of its caller.
    Rate,
    /// Too many under way.
    Shed,
    /// A body that is too large.
    Size,
}

impl Rejection {
    const fn label(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Shed => "shed",
            Self::Size => "size",
        }
    }
}

/// The handles.
pub struct HttpMetrics {
    recorder: SharedRecorder,
    in_flight: Gauge,
    request_bytes: Histogram,
    response_bytes: Histogram,
    rejected: [Counter; 3],
    pool_idle: Gauge,
    pool_used: Gauge,
    pool_wait: Histogram,
    replays: Counter,
}

impl HttpMetrics {
    /// Describes the metrics on `recorder` and registers the fixed ones.
    #[must_use]
    pub fn new(recorder: SharedRecorder) -> Self {
        for declared in METRICS {
            let name = KeyName::from_const_str(declared.name);
            match declared.r#type {
                Type::Counter => recorder.describe_counter(name, Some(Unit::Count), declared.help.into()),
                Type::Gauge => recorder.describe_gauge(name, Some(Unit::Count), declared.help.into()),
                Type::Histogram => {
                    let unit = if declared.name.ends_with("_bytes") { Unit::Bytes } else { Unit::Seconds };
                    recorder.describe_histogram(name, Some(unit), declared.help.into());
                }
            }
        }
        let pool = |state| {
            let key = Key::from_parts(POOL, vec![Label::new("state", state)]);
            recorder.register_gauge(&key, &METADATA)
        };
        let rejected = |reason| {
            let key = Key::from_parts(REJECTED, vec![Label::new("reason", reason)]);
            recorder.register_counter(&key, &METADATA)
        };
        Self {
            request_bytes: recorder.register_histogram(&Key::from_name(REQUEST_BYTES), &METADATA),
            response_bytes: recorder.register_histogram(&Key::from_name(RESPONSE_BYTES), &METADATA),
            rejected: [Rejection::Rate, Rejection::Shed, Rejection::Size].map(|reason| rejected(reason.label())),
            in_flight: recorder.register_gauge(&Key::from_name(IN_FLIGHT), &METADATA),
            pool_idle: pool("idle"),
            pool_used: pool("used"),
            pool_wait: recorder.register_histogram(&Key::from_name(POOL_WAIT), &METADATA),
            replays: recorder.register_counter(&Key::from_name(REPLAYS), &METADATA),
            recorder,
        }
    }

    /// Counts a request in until the returned guard ends.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.in_flight.increment(1.0);
        InFlight(self.in_flight.clone())
    }

    /// Notes an answered request.
    pub fn ended(&self, method: &'static str, route: &str, status: u16, elapsed: Duration) {
        let labels = vec![
            Label::new("method", method),
            Label::new("route", route.to_owned()),
            Label::new("status", status.to_string()),
        ];
        let key = Key::from_parts(DURATION, labels);
        self.recorder.register_histogram(&key, &METADATA).record(elapsed.as_secs_f64());
    }

    /// Where the sizes of request bodies are noted.
    pub fn request_bytes(&self) -> Histogram {
        self.request_bytes.clone()
    }

    /// Where the sizes of answers' bodies are noted.
    pub fn response_bytes(&self) -> Histogram {
        self.response_bytes.clone()
    }

    /// Counts a request that was refused.
    pub fn rejected(&self, reason: Rejection) {
        self.rejected[reason as usize].increment(1);
    }

    /// Notes how long a transaction had to wait for its beginning.
    pub fn pool_waited(&self, waited: Duration) {
        self.pool_wait.record(waited.as_secs_f64());
    }

    /// Counts what came of a login or a refresh.
    pub fn authenticated<T>(&self, method: &'static str, result: &Result<T, Problem>) {
        let outcome = result.as_ref().map_or_else(|problem| problem.code().entry().slug, |_| "succeeded");
        let labels = vec![Label::new("method", method), Label::new("outcome", outcome)];
        self.recorder.register_counter(&Key::from_parts(AUTH, labels), &METADATA).increment(1);
    }

    /// Counts an answer that was given again.
    pub fn replayed(&self) {
        self.replays.increment(1);
    }

    /// The counters of a resource's cached lists.
    #[must_use]
    pub fn cache(&self, resource: &'static str) -> CacheMetrics {
        let counter = |name| {
            let key = Key::from_parts(name, vec![Label::new("resource", resource)]);
            self.recorder.register_counter(&key, &METADATA)
        };
        CacheMetrics {
            hits: counter(CACHE_HITS),
            misses: counter(CACHE_MISSES),
            fills: counter(CACHE_FILLS),
            invalidations: counter(CACHE_INVALIDATIONS),
        }
    }

    /// Reads the pool's sizes; called when metrics are scraped.
    pub fn sample_pool(&self, pool: &PgPool) {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        self.pool_idle.set(f64::from(idle));
        self.pool_used.set(f64::from(pool.size().saturating_sub(idle)));
    }
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpMetrics").finish_non_exhaustive()
    }
}

/// A request that is counted as being under way.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl InFlight {
    /// Counts the request out.
    pub fn end(&self) {
        self.0.decrement(1.0);
    }
}
