//! Settings of the programs under test, as variables: the same for one in this
//! process and for a child.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::collections::BTreeMap;

use callboard_shared::config::{Check, Environment, Findings, Loader};
use clap::{Parser, Subcommand};

/// The secret that signs tokens in tests.
pub const SECRET: &str = "a secret of tests, longer than thirty-two bytes";

/// Variables by name; a later value takes the place of an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// What both programs need: a database, a Redis with a prefix of its own,
    /// free ports, the secret.
    #[must_use]
    pub fn new(database_url: &str, redis_url: &str, prefix: &str) -> Self {
        Self::default()
            .with("DATABASE_URL", database_url)
            .with("REDIS_URL", redis_url)
            .with("QUEUE_PREFIX", prefix)
            .with("JWT_SECRET", SECRET)
            .with("PORT", "0")
            .with("METRICS_PORT", "0")
            // Tests run side by side; each needs few connections.
            .with("DATABASE_POOL_MAX", "5")
            .with("SMTP_POOL", "2")
            // Limits are for the tests that are about them; all come from one address.
            .with("RATE_LIMIT_PER_MINUTE", "1000000")
            .with("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "1000000")
            .with("RATE_LIMIT_LOGIN_PER_MINUTE", "100000")
            .with("RATE_LIMIT_REGISTER_PER_MINUTE", "100000")
            .with("RATE_LIMIT_RESET_PER_HOUR", "100000")
            .with("RATE_LIMIT_REFRESH_PER_MINUTE", "100000")
    }

    /// These with one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// These with some more.
    #[must_use]
    pub fn with_all(self, more: &[(&str, &str)]) -> Self {
        more.iter().fold(self, |all, (name, value)| all.with(name, *value))
    }

    /// These without one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Name by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn environment(&self) -> Environment {
        Environment::from_pairs(self.iter())
    }

    /// As the API reads them.
    #[must_use]
    pub fn api(&self) -> callboard_api::settings::Settings {
        let loaded = Loader::new(["callboard-api"], self.environment()).load::<Api>("serve");
        let ApiCommand::Serve(settings) = loaded.expect("settings of the API").cli.command;
        *settings
    }

    /// As the worker reads them.
    #[must_use]
    pub fn worker(&self) -> callboard_worker::settings::Settings {
        use callboard_worker::settings::{Cli, Command};
        let loaded = Loader::new(["callboard-worker"], self.environment()).load::<Cli>("run");
        match loaded.expect("settings of the worker").cli.command {
            Command::Run(settings) => *settings,
            Command::Healthcheck(_) => unreachable!("run is the default"),
        }
    }
}

#[derive(Parser)]
struct Api {
    #[command(subcommand)]
    command: ApiCommand,
}

#[derive(Subcommand)]
enum ApiCommand {
    Serve(Box<callboard_api::settings::Settings>),
}

impl Check for Api {
    fn check(&self, findings: &mut Findings) {
        let ApiCommand::Serve(settings) = &self.command;
        settings.check(findings);
    }
}
