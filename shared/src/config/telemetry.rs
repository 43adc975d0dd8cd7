//! Logs and metrics.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::AppEnv;

/// What is logged, how and where.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogConfig {
    /// Form of the console's lines. Default: `json` when `APP_ENV` is
    /// production, else `pretty`.
    #[arg(long = "log-format", env = "LOG_FORMAT", value_enum)]
    pub format: Option<LogFormat>,

    /// What is logged: a level, or levels by module such as
    /// `info,sqlx=warn,callboard_queue=debug`.
    #[arg(long = "log-level", env = "LOG_LEVEL", default_value = "info", value_parser = filter)]
    pub level: String,

    /// Folder for the log files `app.log` (everything) and `error.log` (errors
    /// only), one a day. Default: no files, only the console.
    #[arg(long = "log-dir", env = "LOG_DIR", value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

impl LogConfig {
    /// The form of the lines.
    #[must_use]
    pub fn format(&self, app_env: AppEnv) -> LogFormat {
        self.format.unwrap_or(if app_env.is_production() { LogFormat::Json } else { LogFormat::Pretty })
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: one coloured line an event.
    Pretty,
    /// For machines: one JSON object an event.
    Json,
}

/// Where the metrics and the probes of this process are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Metrics")]
pub struct MetricsConfig {
    /// Address that `/metrics`, `/livez` and `/readyz` are served on. They are
    /// for the inside of a network: nothing asks who is calling.
    #[arg(long, env = "METRICS_HOST", default_value = "127.0.0.1")]
    pub metrics_host: IpAddr,

    /// Port that they are served on; 0 takes any free one.
    #[arg(long, env = "METRICS_PORT", default_value = "9100")]
    pub metrics_port: u16,
}

impl MetricsConfig {
    /// The address to bind.
    #[must_use]
    pub fn listen_address(&self) -> SocketAddr {
        SocketAddr::new(self.metrics_host, self.metrics_port)
    }
}

/// Keeps the text, because [`EnvFilter`] can't be cloned, once it is known to parse.
fn filter(raw: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(raw) {
        Ok(_) => Ok(raw.to_owned()),
        Err(_) => {
            Err("must be a level (error, warn, info, debug, trace, off) or levels by module such as info,sqlx=warn"
                .to_owned())
        }
    }
}
