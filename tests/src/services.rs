//! A PostgreSQL and a Redis of a test's own, to break.
#![expect(clippy::expect_used, reason = "what fails here fails the test")]

use std::{path::Path, process::Output};

use tokio::process::Command;
use uuid::Uuid;

/// Servers that `scripts/services` started for one test. They are thrown away
/// with it, also if it is killed.
#[derive(Debug)]
pub struct Services {
    name: String,
    database_url: String,
    redis_url: String,
}

impl Services {
    /// Starts them.
    pub async fn start() -> Self {
        let name = format!("fault-{}", Uuid::now_v7().simple());
        let owner = std::process::id().to_string();
        // Made first, so that a start that fails half-way is thrown away too.
        let mut services = Self { name, database_url: String::new(), redis_url: String::new() };
        services.run("up", &["--profile", "test", "--private", "--owner", &owner]).await;
        let settings = services.run("env", &[]).await;
        services.database_url = value(&settings, "DATABASE_URL");
        services.redis_url = value(&settings, "REDIS_URL");
        services
    }

    /// The URL of the server's own database.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The URL of Redis.
    #[must_use]
    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// Crashes PostgreSQL and starts it again: what was committed
    /// asynchronously in the last moments is gone.
    pub async fn crash_and_restart_postgres(&self) {
        self.run("restart-postgres", &["--immediate"]).await;
    }

    /// Stops PostgreSQL in good order.
    pub async fn stop_postgres(&self) {
        self.run("stop-postgres", &[]).await;
    }

    /// Starts PostgreSQL again where it was.
    pub async fn start_postgres(&self) {
        self.run("start-postgres", &[]).await;
    }

    /// Kills Redis; without persistence, all that it held is gone.
    pub async fn kill_redis(&self) {
        self.run("stop-redis", &["--immediate"]).await;
    }

    /// Starts Redis again where it was.
    pub async fn start_redis(&self) {
        self.run("start-redis", &[]).await;
    }

    async fn run(&self, command: &str, options: &[&str]) -> String {
        let output = Command::new(script()).arg(command).arg(&self.name).args(options).output().await;
        checked(command, &output.expect("scripts/services"))
    }
}

impl Drop for Services {
    #[expect(clippy::let_underscore_must_use, reason = "a failed test may have lost them already")]
    fn drop(&mut self) {
        let _ = std::process::Command::new(script()).arg("down").arg(&self.name).output();
    }
}

fn script() -> String {
    std::env::var("CALLBOARD_SERVICES").unwrap_or_else(|_| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        root.join("scripts/services").to_string_lossy().into_owned()
    })
}

fn checked(command: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/services {command} failed: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The value of `export NAME='value'`.
fn value(exports: &str, name: &str) -> String {
    let prefix = format!("export {name}=");
    let line = exports.lines().find_map(|line| line.strip_prefix(&prefix)).expect("an exported URL");
    line.trim_matches('\'').to_owned()
}
