//! PostgreSQL: where it is and how many connections are kept for how long.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use sqlx::postgres::PgConnectOptions;

use super::{Findings, value};

/// PostgreSQL and the pool of connections to it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "PostgreSQL")]
pub struct DatabaseConfig {
    /// PostgreSQL, as a URL with user, password, host, port and database.
    /// `?sslmode=verify-full&sslrootcert=…` asks for TLS.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "postgres://user:password@127.0.0.1:5432/callboard"
    )]
    pub database_url: DatabaseUrl,

    /// Most connections that this process opens.
    #[arg(
        long = "database-pool-max",
        env = "DATABASE_POOL_MAX",
        default_value = "10",
        value_parser = clap::value_parser!(u32).range(1..=1_000)
    )]
    pub pool_max: u32,

    /// Connections that are kept open even when nothing is to do.
    #[arg(
        long = "database-pool-min",
        env = "DATABASE_POOL_MIN",
        default_value = "0",
        value_parser = clap::value_parser!(u32).range(0..=1_000)
    )]
    pub pool_min: u32,

    /// Longest wait for a connection, in seconds, before the caller gets an error.
    #[arg(
        long = "database-acquire-timeout-seconds",
        env = "DATABASE_ACQUIRE_TIMEOUT_SECONDS",
        default_value = "5",
        value_parser = value::seconds
    )]
    pub acquire_timeout: Duration,

    /// A connection that was idle for so many seconds is closed.
    #[arg(
        long = "database-idle-timeout-seconds",
        env = "DATABASE_IDLE_TIMEOUT_SECONDS",
        default_value = "600",
        value_parser = value::seconds
    )]
    pub idle_timeout: Duration,

    /// A connection that is so many seconds old is closed once it is free, so
    /// that a failover or a new replica is noticed.
    #[arg(
        long = "database-max-lifetime-seconds",
        env = "DATABASE_MAX_LIFETIME_SECONDS",
        default_value = "1800",
        value_parser = value::seconds
    )]
    pub max_lifetime: Duration,

    /// Prepared statements that are kept a connection. A pooler in transaction
    /// mode must know them: PgBouncer 1.21 or newer.
    #[arg(
        long = "database-statement-cache",
        env = "DATABASE_STATEMENT_CACHE",
        default_value = "100",
        value_parser = statement_cache
    )]
    pub statement_cache: usize,
}

impl DatabaseConfig {
    /// Finds what does not fit together.
    pub fn check(&self, findings: &mut Findings) {
        if self.pool_min > self.pool_max {
            findings.problem(
                &["DATABASE_POOL_MIN", "DATABASE_POOL_MAX"],
                &format!("{} connections can't be kept open where {} are allowed", self.pool_min, self.pool_max),
                &format!("DATABASE_POOL_MIN={}", self.pool_max),
            );
        }
    }
}

/// A URL of PostgreSQL. It prints without the password.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

impl DatabaseUrl {
    /// What to connect with.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.0.clone()
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        let wanted = || {
            "must be a URL such as postgres://user:password@127.0.0.1:5432/callboard \
             (special characters of the password as %XX)"
                .to_owned()
        };
        let scheme = raw.split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err(wanted());
        }
        raw.parse().map(Self).map_err(|_| wanted())
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "postgres://{}@", self.0.get_username())?;
        match self.0.get_socket() {
            Some(socket) => write!(formatter, "{}", socket.display())?,
            None => write!(formatter, "{}:{}", self.0.get_host(), self.0.get_port())?,
        }
        write!(formatter, "/{}", self.0.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

/// Not 0: sqlx would still prepare every statement by name, and close none.
fn statement_cache(raw: &str) -> Result<usize, String> {
    match raw.parse() {
        Ok(count @ 1..=10_000) => Ok(count),
        _ => Err("must be a number from 1 to 10000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_prints_without_its_password() {
        let url: DatabaseUrl = "postgres://ada:hunter%202@db.example:6432/callboard".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://ada@db.example:6432/callboard");
        assert!(!format!("{url:?}").contains("hunter"));
    }

    #[test]
    fn statements_are_always_kept() {
        assert_eq!(statement_cache("1"), Ok(1));
        assert!(statement_cache("0").is_err() && statement_cache("10001").is_err());
    }

    #[test]
    fn an_error_does_not_repeat_the_value() {
        for wrong in ["mysql://ada:hunter2@db/x", "hunter2", "postgres://ada:hunter2@db:notaport/x", ""] {
            let error = wrong.parse::<DatabaseUrl>().unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
