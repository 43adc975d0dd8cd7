//! The jobs of workers that die in earnest: one that kills its process, innocents
//! beside it, and one that lasts; and how such a worker is started.

use std::{
    path::PathBuf,
    process::{self, Stdio},
    time::Duration,
};

use callboard_queue::{Backoff, Failure, Handler, Job, Outcome, Registry, Run};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{environment, queue::TestQueue};

/// As short as lets innocents part from the poison.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(5), cap: Duration::from_secs(5) };
const MAX_ATTEMPTS: i16 = 5;

/// Aborts its process, as a stack overflow or the kernel's OOM killer would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Poison {}

impl Job for Poison {
    const KIND: &'static str = "test.poison";
    const BACKOFF: Backoff = BACKOFF;
    const MAX_ATTEMPTS: i16 = MAX_ATTEMPTS;
}

impl<C: Sync> Handler<C> for Poison {
    async fn run(self, _: &C, _: &Run) -> Result<Outcome, Failure> {
        process::abort()
    }
}

/// Takes a moment, and completes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Innocent {}

impl Job for Innocent {
    const KIND: &'static str = "test.innocent";
    const BACKOFF: Backoff = BACKOFF;
    const MAX_ATTEMPTS: i16 = MAX_ATTEMPTS;
}

impl<C: Sync> Handler<C> for Innocent {
    async fn run(self, _: &C, _: &Run) -> Result<Outcome, Failure> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(Outcome::Completed)
    }
}

/// Notes its run in the table `lasting_runs`, waits until a file is there, and writes
/// a row into `effects` in the transaction that finishes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lasting {
    /// The file.
    pub until: PathBuf,
}

impl Job for Lasting {
    const KIND: &'static str = "test.lasting";
    const TIMEOUT: Duration = Duration::from_hours(1);
}

impl<C: Sync> Handler<C> for Lasting {
    async fn run(self, _: &C, run: &Run) -> Result<Outcome, Failure> {
        let mut begun = run.begin().await?;
        let statement = "INSERT INTO lasting_runs (job) VALUES ($1)";
        sqlx::query(statement).bind(run.id()).execute(&mut *begun).await?;
        begun.commit().await?;
        while !self.until.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut transaction = run.begin().await?;
        let statement = "INSERT INTO effects (job, attempt) VALUES ($1, $2)";
        sqlx::query(statement).bind(run.id()).bind(run.attempt()).execute(&mut *transaction).await?;
        Ok(run.complete_in(transaction, None).await?)
    }
}

/// All three kinds.
#[must_use]
pub fn registry() -> Registry<()> {
    Registry::new().register::<Innocent>().register::<Lasting>().register::<Poison>()
}

/// A worker of these kinds, with this many slots, in a process of its own.
#[must_use]
pub fn worker(queue: &TestQueue, slots: usize) -> Command {
    let (url, redis, prefix) = queue.whereabouts();
    let mut command = Command::new(PathBuf::from(environment("CALLBOARD_BIN_DIR")).join("callboard-mortal-worker"));
    command.env_clear().env("DATABASE_URL", url).env("REDIS_URL", redis).env("QUEUE_PREFIX", prefix);
    command.env("SLOTS", slots.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}
