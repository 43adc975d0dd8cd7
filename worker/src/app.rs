//! The process: built from settings, run until told to stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callboard_queue::{Metrics as QueueMetrics, Queue, QueueShare, Runner, RunnerSettings};
use callboard_shared::ready_file::{self, Addresses};
use callboard_shared::telemetry::{MetricsError, Telemetry, serve_metrics};
use callboard_shared::{database, jobs};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::context::{Context, Links};
use crate::health::WorkerInside;
use crate::mail::{MailError, Mailer};
use crate::registry::registry;
use crate::schedules::schedules;
use crate::settings::Settings;

/// What PostgreSQL and Prometheus call this process.
const NAME: &str = "callboard-worker";

/// Longest wait for what is left to end once the jobs are done: a peer
/// that hangs must not hold up the end of a worker.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a worker did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The port for metrics can't be had, usually because another process has
    /// it: change `METRICS_PORT`.
    #[error("METRICS_HOST and METRICS_PORT: can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The ready file can't be written.
    #[error("--ready-file: {0}")]
    ReadyFile(io::Error),
    /// Metrics could not be set up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The mail settings make no transport, such as a name that is no host's.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The queue's settings don't fit, or draining it failed.
    #[error("queue: {0}")]
    Queue(#[from] callboard_queue::Error),
}

/// A worker that is ready to run.
pub struct Worker {
    runner: Runner<Context>,
    mailer: Mailer,
    inside: Arc<WorkerInside>,
    telemetry: Telemetry,
    listener: TcpListener,
    address: SocketAddr,
    ready_file: Option<PathBuf>,
}

impl Worker {
    /// Puts a worker together and binds its listener. Neither PostgreSQL nor
    /// Redis nor the SMTP server need to be there yet.
    ///
    /// # Errors
    /// When the port is taken or a setting can't be used.
    pub async fn build(settings: Settings) -> Result<Self, WorkerError> {
        let wanted = settings.metrics.listen_address();
        let listen_error = |source| WorkerError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let telemetry = Telemetry::new(NAME)?;
        let pool = database::connect(&settings.database, NAME);
        let probe = database::probe(&settings.database, NAME);
        let metrics = QueueMetrics::new(telemetry.recorder());
        let queue =
            Queue::connect(pool.clone(), settings.redis.redis_url.expose(), &settings.redis.queue_prefix, metrics)?
                .named(NAME, env!("CARGO_PKG_VERSION"))
                .with_payload_keys(settings.queue.queue_payload_keys.clone())
                .with_depth_limits(settings.queue.queue_depth_limits.0.clone());
        let mailer = Mailer::new(&settings.mail)?;
        let links = Links::new(settings.site.public_url(None), &settings.token_key);
        let audit_log_days = settings.business.audit_log_days;
        let context = Context { pool, mailer: mailer.clone(), links, audit_log_days };
        let runner = Runner::new(queue.clone(), registry(), context, runner_settings(&settings))?
            .with_schedules(schedules(&settings.business)?)?;
        let inside = Arc::new(WorkerInside::new(queue, probe, runner.readiness()));
        Ok(Self { runner, mailer, inside, telemetry, listener, address, ready_file: settings.ready_file })
    }

    /// Where metrics and probes are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works until `shutdown`, then drains. The probes go on until the end of
    /// the drain.
    ///
    /// # Errors
    /// When the drain could not write all that was done; those jobs run again
    /// elsewhere.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let tasks = TaskTracker::new();
        let drained = CancellationToken::new();
        self.telemetry.spawn_upkeep(&tasks, drained.clone());
        let server = serve_metrics(self.listener, self.telemetry, self.inside, drained.clone());
        tasks.spawn(async {
            if let Err(error) = server.await {
                error!(%error, "metrics and probes are gone");
            }
        });
        info!(addr = %self.address, "listening");
        if let Some(path) = self.ready_file {
            let addresses = Addresses { http: None, metrics: self.address };
            ready_file::write(&path, &addresses).await.map_err(WorkerError::ReadyFile)?;
        }

        let result = self.runner.run(shutdown).await;
        self.mailer.close().await;
        drained.cancel();
        tasks.close();
        if timeout(FAREWELL, tasks.wait()).await.is_err() {
            warn!(open = tasks.len(), "tasks did not end in time and are left behind");
        }
        Ok(result?)
    }
}

fn runner_settings(settings: &Settings) -> RunnerSettings {
    let worker = &settings.worker;
    RunnerSettings {
        name: hostname::get().map_or_else(|_| NAME.to_owned(), |name| name.to_string_lossy().into_owned()),
        version: env!("CARGO_PKG_VERSION"),
        slots: worker.concurrency.get(),
        fetchers: worker.fetchers.get(),
        mode: worker.mode.into(),
        queues: worker.queues.clone().map_or_else(|| default_shares(settings), |queues| queues.0),
        grace: worker.grace,
    }
}

/// All queues; of mails, as many at a time as there are connections to the SMTP
/// server. More would only wait for one while their time-outs run.
fn default_shares(settings: &Settings) -> Vec<QueueShare> {
    let connections = usize::try_from(settings.mail.pool.get()).unwrap_or(usize::MAX);
    let share =
        |name: &str| QueueShare { name: name.to_owned(), cap: (name == jobs::MAIL_QUEUE).then_some(connections) };
    registry().queues().into_iter().map(share).collect()
}
