//! What the commands about the queue ask: PostgreSQL and Redis.

use std::{fmt::Display, future::Future, io, time::Duration};

use callboard_queue::{Error, Metrics, Queue};
use callboard_shared::{
    config::{DatabaseConfig, Findings, RedisConfig},
    database, jobs,
};
use clap::Args;
use serde::Serialize;
use tokio::time::timeout;

use super::{refusal, say};

/// Longest wait for an answer of the queue, its own time-outs included.
const PATIENCE: Duration = Duration::from_secs(20);

/// What PostgreSQL calls these commands.
const NAME: &str = "callboard-api console";

/// Both servers.
#[derive(Debug, Args)]
pub(super) struct Servers {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    pub(super) redis: RedisConfig,
}

impl Servers {
    pub(super) fn check(&self, findings: &mut Findings) {
        self.database.check(findings);
    }

    /// The queue on them. Nothing is connected to yet.
    pub(super) fn queue(&self, name: &str) -> Result<Queue, String> {
        let pool = database::connect(&self.database, name);
        Queue::connect(pool, self.redis.redis_url.expose(), &self.redis.queue_prefix, Metrics::noop())
            .map(|queue| queue.named(NAME, env!("CARGO_PKG_VERSION")).with_kinds(&jobs::kinds()))
            .map_err(|error| refusal::sentence(&error))
    }
}

/// What every command about the queue takes.
#[derive(Debug, Args)]
pub(super) struct Console {
    /// Print one JSON document instead, for scripts.
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Console {
    pub(super) fn check(&self, findings: &mut Findings) {
        self.servers.check(findings);
    }

    /// The queue. Nothing is connected to yet.
    pub(super) fn queue(&self) -> Result<Queue, String> {
        self.servers.queue(NAME)
    }

    /// Prints `document`, or `text` for people.
    pub(super) fn print(&self, document: &impl Serialize, text: impl Display) -> io::Result<()> {
        if self.json { say(&serde_json::to_string_pretty(document)?) } else { say(&text.to_string()) }
    }
}

/// What the queue answers, or a sentence on what is wrong and what to do.
pub(super) async fn ask<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    ask_or(work, refusal::sentence).await
}

/// The same, with the command's own words for what it is refused.
pub(super) async fn ask_or<T>(
    work: impl Future<Output = Result<T, Error>>,
    refused: impl Fn(&Error) -> String,
) -> Result<T, String> {
    match timeout(PATIENCE, work).await {
        Ok(answer) => answer.map_err(|error| refused(&error)),
        Err(_) => Err(format!(
            "PostgreSQL did not answer within {} s; a change may have been made all the same, so look before you \
             repeat it",
            PATIENCE.as_secs()
        )),
    }
}
