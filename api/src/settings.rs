//! The settings of `callboard-api serve`: those it shares with the worker, and its own.

use std::path::PathBuf;

use callboard_shared::{
    config::{
        AppConfig, AuthConfig, CacheConfig, CorsConfig, DatabaseConfig, Findings, HttpConfig, LimitsConfig, LogConfig,
        MetricsConfig, Origins, ProvidersConfig, QueueConfig, RedisConfig, TokenKeyConfig, value,
    },
    domain::Email,
};
use clap::Args;
use secrecy::SecretString;

/// Everything that serving needs.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc here would become the help heading of every setting")]
    pub app: AppConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub http: HttpConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub cors: CorsConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub database: DatabaseConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub redis: RedisConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub queue: QueueConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub auth: AuthConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub token_key: TokenKeyConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub first_admin: FirstAdmin,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub limits: LimitsConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub cache: CacheConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub providers: ProvidersConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub log: LogConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub metrics: MetricsConfig,

    /// File that is written once the API serves, with the addresses it is bound to.
    #[arg(long, hide = true, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// The admin who is made at the first start.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "First admin")]
pub struct FirstAdmin {
    /// Address of the admin who is made at start while there is none.
    #[arg(long, env = "ADMIN_EMAIL", value_name = "admin@callboard.example")]
    pub admin_email: Option<Email>,

    /// Password of that admin. Not needed any more once there is one.
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true, value_name = "a-long-passphrase", value_parser = value::secret)]
    pub admin_password: Option<SecretString>,
}

impl Settings {
    /// Finds what does not fit together, and what is risky.
    pub fn check(&self, findings: &mut Findings) {
        let env = self.app.app_env;
        self.http.check(env, findings);
        self.cors.check(findings);
        self.database.check(findings);
        self.auth.check(env, findings);
        self.token_key.check(env, findings);
        self.first_admin.check(findings);
        self.providers.check(env, findings);
        if env.is_production() && self.cors.origins == Origins::Any {
            findings.warning("CORS_ORIGINS=* in production: every web page may call the API");
        }
    }
}

#[cfg(test)]
impl Settings {
    /// The settings of `serve` from these variables.
    pub(crate) fn from_environment(environment: callboard_shared::config::Environment) -> Self {
        use callboard_shared::config::Loader;
        let loader = Loader::new(["callboard-api"], environment);
        loader.load::<crate::cli::Cli>("serve").unwrap().cli.into_settings().unwrap()
    }
}

impl FirstAdmin {
    /// Finds what does not fit together.
    pub fn check(&self, findings: &mut Findings) {
        if self.admin_email.is_some() != self.admin_password.is_some() {
            findings.problem(
                &["ADMIN_EMAIL", "ADMIN_PASSWORD"],
                "only one of the two is set, and an admin needs both",
                "ADMIN_EMAIL=admin@callboard.example ADMIN_PASSWORD=a-long-passphrase",
            );
        }
    }
}
