//! The settings: one struct a concern, read from the command line, the
//! environment and `.env`.
//!
//! Each field is one setting. Its documentation is the text that `--help`
//! shows; the variable, the default and the option stand in its `arg`
//! attribute and are shown beside that text. A binary flattens the structs
//! that it needs into its own command line and calls [`load`], which
//!
//! 1. takes the first of: command line, environment, `.env`, default (an empty
//!    variable counts as not set, an unknown one is ignored),
//! 2. reports **every** setting that is missing or wrong at once, with its
//!    variable, its value unless it is a secret, and how to set it,
//! 3. asks the binary's [`Check`] for combinations that make no sense together.
//!
//! Secrets are [`secrecy`] types: they print as `[REDACTED]`, and an argument
//! marked `hide_env_values` never shows its value in help or in a problem.
//!
//! # Example
//!
//! ```
//! use callboard_shared::config::{AppConfig, Check, DatabaseConfig, Environment, Findings, Loader};
//!
//! #[derive(clap::Parser)]
//! struct Cli {
//!     #[command(subcommand)]
//!     command: Command,
//! }
//!
//! #[derive(clap::Subcommand)]
//! enum Command {
//!     /// Serves until it is told to stop.
//!     Serve(Settings),
//! }
//!
//! #[derive(clap::Args)]
//! struct Settings {
//!     #[command(flatten)]
//!     app: AppConfig,
//!     #[command(flatten)]
//!     database: DatabaseConfig,
//! }
//!
//! impl Check for Cli {
//!     fn check(&self, findings: &mut Findings) {
//!         let Command::Serve(settings) = &self.command;
//!         settings.database.check(findings);
//!     }
//! }
//!
//! let environment = Environment::from_pairs([("DATABASE_URL", "postgres://localhost/callboard")]);
//! let loaded = Loader::new(["app", "--database-pool-max", "3"], environment)
//!     .load::<Cli>("serve")
//!     .expect("these settings are fine");
//! let Command::Serve(settings) = loaded.cli.command;
//! assert_eq!(settings.database.pool_max, 3);
//! ```

mod app;
mod auth;
mod business;
mod cache;
mod cors;
mod database;
mod environment;
mod findings;
mod http;
mod limits;
mod load;
mod mail;
mod providers;
mod proxies;
mod queue;
mod redis;
mod signing_key;
mod telemetry;
pub mod value;

pub use self::app::{AppConfig, AppEnv};
pub use self::auth::{AuthConfig, JwtAlgorithm, PasswordPolicy, TokenKeyConfig};
pub use self::business::BusinessConfig;
pub use self::cache::CacheConfig;
pub use self::cors::{CorsConfig, HeaderNames, Methods, Origins};
pub use self::database::{DatabaseConfig, DatabaseUrl};
pub use self::environment::{Environment, EnvironmentError};
pub use self::findings::{Check, Findings, Problem, Warning};
pub use self::http::{HttpConfig, SiteConfig};
pub use self::limits::LimitsConfig;
pub use self::load::{Loaded, Loader, Stop, load};
pub use self::mail::{MailConfig, Sender, SmtpTls};
pub use self::providers::{ClientCredentials, ProvidersConfig};
pub use self::proxies::TrustedProxies;
pub use self::queue::{DepthLimits, QueueConfig};
pub use self::redis::{RedisConfig, RedisUrl};
pub use self::signing_key::{Ed25519PrivateKey, Ed25519PublicKey, OldPublicKeys, OldSecrets};
pub use self::telemetry::{LogConfig, LogFormat, MetricsConfig};
pub use self::value::SecretKey;
