//! Logs: to the console, and to files when asked.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fmt, fs};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{AppEnv, LogConfig, LogFormat};

/// Days for which log files are kept.
const KEPT_DAYS: usize = 30;

/// What repeats what others say: the runtime's own lines of a worker's start and
/// end, and sqlx' lines for each connection that breaks, by the dozen when
/// PostgreSQL stops. `LOG_LEVEL` has the last word: `LOG_LEVEL=info,apalis_core=info`
/// brings them back.
const QUIET: &str = "apalis_core=warn,sqlx_core::pool::connection=error,sqlx::postgres::notice=error";

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `LOG_DIR` can't be made or written: mend its path or its permissions.
    #[error("LOG_DIR: {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A log file can't be opened.
    #[error("LOG_DIR: {0}")]
    File(#[from] InitError),
    /// `LOG_LEVEL` can't be parsed; the settings' own parser catches this first.
    #[error("LOG_LEVEL: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Logging was set up before in this process.
    #[error("logging is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Writes what is still buffered for the log files when it is dropped; `main`
/// keeps it to its end.
#[must_use = "dropping it stops the log files"]
pub struct LogGuard {
    _writers: Vec<WorkerGuard>,
}

impl fmt::Debug for LogGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LogGuard")
    }
}

/// Sets up logging for the whole process: lines on standard output in the form
/// that was asked for, and with `LOG_DIR` one JSON object an event in the files
/// `app.log` (everything) and `error.log` (errors only).
///
/// The files are links to those of the UTC day, `app.2026-03-01.log`, of which
/// the last 30 are kept. A disk that does not keep up costs lines, never the
/// time of a request. Processes that share a folder would cut each other's
/// links, so each gets its own.
///
/// # Errors
/// When the folder can't be written, or logging was set up before.
pub fn init_tracing(config: &LogConfig, app_env: AppEnv) -> Result<LogGuard, LogError> {
    let mut writers = Vec::new();
    let (mut app, mut errors) = (None, None);
    if let Some(folder) = &config.dir {
        // Absolute, as the link beside a file would else lead nowhere.
        let folder = fs::create_dir_all(folder)
            .and_then(|()| folder.canonicalize())
            .map_err(|source| LogError::Folder { path: folder.clone(), source })?;
        app = Some(json(file(&folder, "app", &mut writers)?));
        errors = Some(json(file(&folder, "error", &mut writers)?).with_filter(LevelFilter::ERROR));
    }
    let console = match config.format(app_env) {
        LogFormat::Json => json(io::stdout).boxed(),
        LogFormat::Pretty => tracing_subscriber::fmt::layer().with_ansi(io::stdout().is_terminal()).boxed(),
    };
    tracing_subscriber::registry()
        .with(EnvFilter::builder().parse(format!("{QUIET},{}", config.level))?)
        .with(console)
        .with(app)
        .with(errors)
        .try_init()?;
    Ok(LogGuard { _writers: writers })
}

/// Tells on standard error why the process ends before it could log, and returns
/// its exit code, that of bad settings.
#[must_use]
pub fn report_start_failure(error: &LogError) -> ExitCode {
    // A closed terminal is no reason to do anything else.
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::from(2)
}

/// One object an event: its fields at the top, those of its spans under `spans`.
fn json<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> tracing_subscriber::fmt::MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(writer)
}

fn file(folder: &Path, name: &str, writers: &mut Vec<WorkerGuard>) -> Result<NonBlocking, InitError> {
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .latest_symlink(format!("{name}.log"))
        .max_log_files(KEPT_DAYS)
        .build(folder)?;
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).thread_name("log-writer").finish(appender);
    writers.push(guard);
    Ok(writer)
}
