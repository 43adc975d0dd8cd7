//! The settings of `callboard-worker`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use callboard_queue::{Mode, QueueShare, is_queue};
use callboard_shared::config::{
    AppConfig, BusinessConfig, Check, DatabaseConfig, Findings, LogConfig, MailConfig, MetricsConfig, QueueConfig,
    RedisConfig, SiteConfig, TokenKeyConfig, value,
};
use callboard_shared::health;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Takes jobs from the queue and does the slow work of Callboard.
#[derive(Debug, Parser)]
#[command(name = "callboard-worker", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Works until it is told to stop by SIGTERM or Ctrl-C, then drains.
    Run(Box<Settings>),
    /// Asks the worker on this machine how it is; exit code 0 means well.
    Healthcheck(Healthcheck),
}

impl Check for Cli {
    fn check(&self, findings: &mut Findings) {
        match &self.command {
            Command::Run(settings) => settings.check(findings),
            Command::Healthcheck(settings) => settings.check(findings),
        }
    }
}

/// The settings of a worker.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("pool_max", |arg| arg.default_value("8")))]
#[command(mut_arg("metrics_port", |arg| arg.default_value(METRICS_PORT)))]
pub struct Settings {
    /// The kind of installation.
    #[command(flatten)]
    pub app: AppConfig,
    /// How this worker takes its share.
    #[command(flatten)]
    pub worker: WorkerConfig,
    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Redis.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// How the queue treats payloads and floods.
    #[command(flatten)]
    pub queue: QueueConfig,
    /// How the agency works.
    #[command(flatten)]
    pub business: BusinessConfig,
    /// Where links in mails lead.
    #[command(flatten)]
    pub site: SiteConfig,
    /// The key of the tokens in them.
    #[command(flatten)]
    pub token_key: TokenKeyConfig,
    /// Outgoing mail.
    #[command(flatten)]
    pub mail: MailConfig,
    /// Logs.
    #[command(flatten)]
    pub log: LogConfig,
    /// Metrics and probes.
    #[command(flatten)]
    pub metrics: MetricsConfig,

    /// File that is written once the probes are served, with their address.
    #[arg(long, hide = true, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// Beside the API's port, so that both run on one machine.
const METRICS_PORT: &str = "9101";

impl Settings {
    fn check(&self, findings: &mut Findings) {
        let app_env = self.app.app_env;
        self.database.check(findings);
        self.site.check(app_env, findings);
        self.token_key.check(app_env, findings);
        self.mail.check(app_env, findings);
    }
}

/// How a worker takes its share of the jobs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Worker")]
pub struct WorkerConfig {
    /// Queues to serve, each with its most jobs at a time if wanted:
    /// `mail=50,reports=2`. Default: all, with as many mails at a time as
    /// `SMTP_POOL` has connections.
    #[arg(long, env = "WORKER_QUEUES", value_name = "mail=50,reports=2,…")]
    pub queues: Option<Queues>,

    /// Most jobs at a time, apart from those of queues with a number of their own.
    #[arg(long, env = "WORKER_CONCURRENCY", default_value = "500")]
    pub concurrency: NonZeroUsize,

    /// Connections to Redis that wait for jobs; they share the concurrency.
    #[arg(long, env = "WORKER_FETCHERS", default_value = "2")]
    pub fetchers: NonZeroUsize,

    /// Which priority goes first: `strict` always the highest, `weighted` most
    /// often the highest, so that none starves.
    #[arg(long, env = "WORKER_MODE", value_enum, default_value = "weighted")]
    pub mode: WorkerMode,

    /// How long running jobs may go on after the worker was told to stop, in
    /// seconds; what is left is given back and runs elsewhere.
    #[arg(long, env = "WORKER_GRACE_SECONDS", default_value = "20", value_parser = value::seconds)]
    pub grace: Duration,
}

/// Which priority goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkerMode {
    /// Always the highest that has jobs.
    Strict,
    /// Drawn 6 : 3 : 1.
    Weighted,
}

impl From<WorkerMode> for Mode {
    fn from(mode: WorkerMode) -> Self {
        match mode {
            WorkerMode::Strict => Self::Strict,
            WorkerMode::Weighted => Self::Weighted,
        }
    }
}

/// The queues that a worker serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues(pub Vec<QueueShare>);

impl FromStr for Queues {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        let shares: Vec<_> =
            raw.split(',').map(str::trim).filter(|item| !item.is_empty()).map(share).collect::<Result<_, _>>()?;
        let mut names: Vec<_> = shares.iter().map(|share| &share.name).collect();
        names.sort_unstable();
        if names.is_empty() || names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("must name at least one queue, and each only once".to_owned());
        }
        Ok(Self(shares))
    }
}

fn share(raw: &str) -> Result<QueueShare, String> {
    let wanted =
        || "must be queues such as mail,reports=2: names of a-z, 0-9, _ and -, and a number from 1 after =".to_owned();
    let (name, cap) = match raw.split_once('=') {
        None => (raw, None),
        Some((name, cap)) => (name, Some(cap.parse::<NonZeroUsize>().map_err(|_| wanted())?.get())),
    };
    if is_queue(name) { Ok(QueueShare { name: name.to_owned(), cap }) } else { Err(wanted()) }
}

/// The settings of a health check.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("metrics_port", |arg| arg.default_value(METRICS_PORT)))]
pub struct Healthcheck {
    /// Where the worker serves its probes.
    #[command(flatten)]
    pub metrics: MetricsConfig,
    /// What to ask for.
    #[command(flatten)]
    pub probe: health::Healthcheck,
}

impl Healthcheck {
    fn check(&self, findings: &mut Findings) {
        if self.metrics.metrics_port == 0 {
            findings.problem(
                &["METRICS_PORT"],
                "is 0, so the worker listens on a port that only its log tells",
                &format!("METRICS_PORT={METRICS_PORT}"),
            );
        }
    }
}

#[cfg(test)]
mod tests;
