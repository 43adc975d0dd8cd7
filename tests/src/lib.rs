//! What the integration tests stand on: a database and a Redis prefix for each
//! test, workers inside the test's process, the real programs as children,
//! servers to break, an SMTP server that keeps what it is sent.
//!
//! Tests find their servers where `scripts/test` puts them: `DATABASE_URL`,
//! `REDIS_URL`, the programs in `CALLBOARD_BIN_DIR`, and `CALLBOARD_SERVICES`
//! to start servers of their own. All four are read when a test runs.

pub mod answer;
pub mod app;
pub mod authenticator;
pub mod database;
pub mod installation;
pub mod jobs;
pub mod load;
pub mod logs;
pub mod mailbox;
pub mod openapi_changes;
pub mod poison;
pub mod process;
pub mod provider;
pub mod proxy;
pub mod queue;
pub mod raw;
pub mod services;
pub mod settings;
pub mod stage;
pub mod wait;
pub mod worker;

/// A variable that `scripts/test` sets.
///
/// # Panics
/// When it is missing: then no test can run.
#[must_use]
pub fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}
