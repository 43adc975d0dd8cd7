//! Where an API and its workers live: a database and a Redis prefix of their own.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::database::TestDatabase;
use crate::mailbox::Mailbox;
use crate::process::{Process, Program};
use crate::services::Services;
use crate::settings::Variables;

/// Longest start of a program on a busy machine.
const START: Duration = Duration::from_secs(20);

/// A database and a Redis prefix that no other test uses, and the settings that
/// lead there.
#[derive(Debug)]
pub struct Installation {
    /// The settings that both programs need.
    pub variables: Variables,
    database: TestDatabase,
}

impl Installation {
    /// On the servers that all tests share.
    pub async fn new() -> Self {
        Self::with(TestDatabase::new().await, &crate::environment("REDIS_URL"))
    }

    /// On servers of its own.
    pub async fn on(services: &Services) -> Self {
        Self::with(TestDatabase::on(services.database_url()).await, services.redis_url())
    }

    fn with(database: TestDatabase, redis_url: &str) -> Self {
        let prefix = format!("test-{}", Uuid::now_v7());
        Self { variables: Variables::new(database.url(), redis_url, &prefix), database }
    }

    /// The test's own connections to the database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A program with its settings.
    #[must_use]
    pub fn program(&self, name: &'static str) -> Program {
        let program = Program::new(name).variable("LOG_FORMAT", "json");
        self.variables.iter().fold(program, |program, (name, value)| program.variable(name, value))
    }

    /// Starts an API with these settings besides.
    pub async fn start_api(&self, more: &[(&str, &str)]) -> Process {
        with_all(self.program("callboard-api"), more).start(START).await
    }

    /// Starts a worker that sends mails to `mailbox` with links that lead to `api`,
    /// with these settings besides.
    pub async fn start_worker(&self, api: &Process, mailbox: &Mailbox, more: &[(&str, &str)]) -> Process {
        let program = self
            .program("callboard-worker")
            .variable("PUBLIC_URL", api_url(api))
            .variable("SMTP_PORT", mailbox.address().port().to_string());
        with_all(program, more).start(START).await
    }
}

/// Where an API serves its clients.
#[must_use]
pub fn api_url(api: &Process) -> String {
    format!("http://{}", api.addresses().http.expect("an API"))
}

fn with_all(program: Program, more: &[(&str, &str)]) -> Program {
    more.iter().fold(program, |program, (name, value)| program.variable(*name, *value))
}
