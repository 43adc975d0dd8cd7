//! The HTTP side's metrics: handles on a recorder that is passed in.
//!
//! [`METRICS`] is the one table of names, labels and help texts.

use std::{fmt, sync::Arc, time::Duration};

use callboard_queue::metrics::{Declared, Type};
use metrics::{Gauge, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use sqlx::PgPool;

const DURATION: &str = "http_server_request_duration_seconds";
const IN_FLIGHT: &str = "http_server_requests_in_flight";
const POOL: &str = "db_pool_connections";
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
        name: POOL,
        r#type: Type::Gauge,
        labels: &["state"],
        help: "Connections to PostgreSQL by state: idle and used.",
    },
];

/// A recorder that handles can be registered on later, from any thread.
pub type SharedRecorder = Arc<dyn Recorder + Send + Sync>;

/// The handles.
pub struct HttpMetrics {
    recorder: SharedRecorder,
    in_flight: Gauge,
    pool_idle: Gauge,
    pool_used: Gauge,
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
                Type::Histogram => recorder.describe_histogram(name, Some(Unit::Seconds), declared.help.into()),
            }
        }
        let pool = |state| {
            let key = Key::from_parts(POOL, vec![Label::new("state", state)]);
            recorder.register_gauge(&key, &METADATA)
        };
        Self {
            in_flight: recorder.register_gauge(&Key::from_name(IN_FLIGHT), &METADATA),
            pool_idle: pool("idle"),
            pool_used: pool("used"),
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
