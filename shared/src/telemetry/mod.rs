//! What a process tells about itself: logs, metrics, probes.
//!
//! Nothing here installs a global but [`init_tracing`], which `main` calls once.

mod logs;
mod metrics;
mod server;

pub use self::logs::{LogError, LogGuard, init_tracing, report_start_failure};
pub use self::metrics::{METRICS, MetricsError, Telemetry};
pub use self::server::{Inside, serve_metrics};
