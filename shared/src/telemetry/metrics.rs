//! Metrics: a recorder of this process, passed to whoever has something to count.

use std::sync::Arc;
use std::time::Duration;

use callboard_queue::metrics::{Declared, Type};
use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often recorded values are sorted into their buckets; between two of
/// these they pile up in memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Buckets in seconds for what takes from a millisecond to half a minute.
const DURATIONS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The wait of a job begins far below a millisecond, which is the product's
/// promise, and ends in hours when workers are missing.
const WAITS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 1_800.0, 7_200.0,
];

/// Batches are of up to some hundred.
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

/// Bodies are of some hundred bytes, and up to some megabytes.
const SIZES: &[f64] = &[256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0];

const BUILD: &str = "build_info";

/// Every metric that each process has.
pub const METRICS: &[Declared] = &[Declared {
    name: BUILD,
    r#type: Type::Gauge,
    labels: &["service", "version"],
    help: "Always 1; its labels say what runs here.",
}];

/// Why metrics could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] BuildError);

/// The metrics of one process.
#[derive(Clone)]
pub struct Telemetry {
    recorder: Arc<dyn Recorder + Send + Sync>,
    handle: PrometheusHandle,
}

impl Telemetry {
    /// A recorder with `build_info` on it. `service` is the process' name, as
    /// `callboard-api`.
    ///
    /// # Errors
    /// Never with these buckets; the builder checks them.
    pub fn new(service: &'static str) -> Result<Self, MetricsError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets(DURATIONS)?
            .set_buckets_for_metric(Matcher::Full("job_wait_seconds".to_owned()), WAITS)?
            .set_buckets_for_metric(Matcher::Suffix("_batch_size".to_owned()), BATCH_SIZES)?
            .set_buckets_for_metric(Matcher::Suffix("_body_bytes".to_owned()), SIZES)?
            .build_recorder();
        let handle = recorder.handle();
        let telemetry = Self { recorder: Arc::new(recorder), handle };
        telemetry.declare_build(service);
        Ok(telemetry)
    }

    /// Where handles are registered.
    #[must_use]
    pub fn recorder(&self) -> Arc<dyn Recorder + Send + Sync> {
        Arc::clone(&self.recorder)
    }

    /// All metrics in Prometheus' text form.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps what is recorded small until `shutdown`, in a task on `tasks`.
    pub fn spawn_upkeep(&self, tasks: &TaskTracker, shutdown: CancellationToken) {
        let handle = self.handle.clone();
        tasks.spawn(shutdown.run_until_cancelled_owned(async move {
            let mut ticks = interval(UPKEEP_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        }));
    }

    fn declare_build(&self, service: &'static str) {
        for declared in METRICS {
            let name = KeyName::from_const_str(declared.name);
            self.recorder.describe_gauge(name, Some(Unit::Count), declared.help.into());
        }
        let labels = vec![Label::new("service", service), Label::new("version", env!("CARGO_PKG_VERSION"))];
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        self.recorder.register_gauge(&Key::from_parts(BUILD, labels), &metadata).set(1.0);
    }
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_is_of_its_own_and_names_the_build() {
        let telemetry = Telemetry::new("callboard-test").unwrap();
        let text = telemetry.render();
        assert!(text.contains(r#"service="callboard-test""#), "{text}");
        assert!(Telemetry::new("another").is_ok());
    }

    #[test]
    fn waits_are_told_apart_below_a_millisecond() {
        let telemetry = Telemetry::new("callboard-test").unwrap();
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        let key = Key::from_parts("job_wait_seconds", vec![Label::new("kind", "test")]);
        telemetry.recorder().register_histogram(&key, &metadata).record(0.000_3);
        let text = telemetry.render();
        assert!(text.contains(r#"job_wait_seconds_bucket{kind="test",le="0.0005"} 1"#), "{text}");
        assert!(text.contains(r#"job_wait_seconds_bucket{kind="test",le="0.00025"} 0"#), "{text}");
    }
}
