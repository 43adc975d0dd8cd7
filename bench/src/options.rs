//! What is measured, where, and how much of it.

use std::path::PathBuf;

use clap::Parser;

use crate::{
    rows::Row,
    stage::{Error, Stage},
};

/// Measures the queue against its floor and its peers, and writes the results.
#[derive(Parser)]
pub(crate) struct Options {
    /// PostgreSQL; each measurement makes a database of its own there.
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
    /// Redis; keys carry a prefix of their own.
    #[arg(long, env = "REDIS_URL")]
    pub(crate) redis_url: String,
    /// Measures these rows alone, and prints the results instead of writing them.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROW")]
    pub(crate) only: Vec<Row>,
    /// Jobs in a drain.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) jobs: u64,
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Rounds of the rows that take long: backlog, history, snapshot and load.
    #[arg(long, default_value_t = 3)]
    pub(crate) long_rounds: usize,
    /// Jobs for the latency on an idle system.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) samples: u64,
    /// Seconds for which idle workers are watched.
    #[arg(long, default_value_t = 30)]
    pub(crate) idle_seconds: u64,
    /// Seconds of a round at a steady rate of enqueues.
    #[arg(long, default_value_t = 5)]
    pub(crate) load_seconds: u64,
    /// Seconds in which urgent jobs meet a saturated worker.
    #[arg(long, default_value_t = 20)]
    pub(crate) priority_seconds: u64,
    /// Jobs of the deep backlog.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) backlog: u64,
    /// Finished jobs of the long history.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) history: u64,
    /// Seconds of load for which a snapshot has been held before it counts.
    #[arg(long, default_value_t = 60)]
    pub(crate) snapshot_seconds: u64,
    /// Where to write the results.
    #[arg(long, default_value = "docs/benchmarks.md")]
    pub(crate) output: PathBuf,
}

impl Options {
    pub(crate) async fn stage(&self) -> Result<Stage, Error> {
        Stage::set(&self.database_url, &self.redis_url).await
    }
}
