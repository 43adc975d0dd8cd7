//! What kind of installation this is.

use std::fmt;

use clap::{Args, ValueEnum};

/// The kind of installation, which decides what other settings may be.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Application")]
pub struct AppConfig {
    /// Kind of installation. `production` refuses settings that are only fit
    /// for development and logs in JSON.
    #[arg(long, env = "APP_ENV", value_enum, default_value = "development")]
    pub app_env: AppEnv,
}

/// A kind of installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AppEnv {
    /// A developer's machine.
    Development,
    /// A rehearsal of production.
    Staging,
    /// The real thing.
    Production,
}

impl AppEnv {
    /// Whether settings that are only fit for development are refused.
    #[must_use]
    pub const fn is_production(self) -> bool {
        matches!(self, Self::Production)
    }

    /// The name as it is written in `APP_ENV`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for AppEnv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
