//! The benchmark: `make bench`. `docs/benchmarks.md` has its results.
//!
//! Machines are noisy, so what counts are ratios: the product and its floor
//! take turns in one run, and medians over the rounds are compared.

mod drain;
mod idle;
mod latency;
mod machine;
mod peer;
mod report;
mod stage;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    report::{Report, rate},
    stage::{Error, Stage},
};

/// Where the part of `make bench-http` begins in the results.
const HTTP_PART: &str = "<!-- make bench-http";

/// Measures the queue against its floor and its peer, and writes the results.
#[derive(Parser)]
struct Options {
    /// PostgreSQL; each measurement makes a database of its own there.
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
    /// Redis; keys carry a prefix of their own.
    #[arg(long, env = "REDIS_URL")]
    redis_url: String,
    /// Jobs in a drain.
    #[arg(long, default_value_t = 200_000)]
    jobs: u64,
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Jobs for the latency on an idle system.
    #[arg(long, default_value_t = 2_000)]
    samples: u64,
    /// Seconds for which an idle worker is watched.
    #[arg(long, default_value_t = 30)]
    idle_seconds: u64,
    /// Where to write the results.
    #[arg(long, default_value = "docs/benchmarks.md")]
    output: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = Options::parse();
    // As a worker logs at info, spans and all, but for the line a job: see docs/benchmarks.md.
    tracing_subscriber::fmt()
        .with_env_filter("info,callboard_queue::job=warn,apalis_core=off,sqlx=error")
        .with_writer(std::io::stderr)
        .init();
    let mut report = Report::default();
    for round in 1..=options.rounds {
        tracing::info!(round, "drain");
        drain_round(&options, round, &mut report).await?;
    }
    tracing::info!("latency on an idle system");
    let stage = Stage::set(&options.database_url, &options.redis_url).await?;
    report.latencies = latency::idle(&stage, options.samples).await?;
    stage.strike().await?;

    tracing::info!("an idle worker");
    let stage = Stage::set(&options.database_url, &options.redis_url).await?;
    report.idle = Some(idle::cost(&stage, Duration::from_secs(options.idle_seconds)).await?);
    report.machine = machine::describe(&stage).await?;
    stage.strike().await?;

    tracing::info!("apalis-redis");
    for _ in 0..options.rounds {
        report.peer.push(peer::drain(&options.redis_url, peer::BELOW).await?);
    }
    report.peer_above = Some(peer::drain(&options.redis_url, peer::ABOVE).await?);

    // The HTTP API's part, which another command writes, stays.
    let before = std::fs::read_to_string(&options.output).unwrap_or_default();
    let http = before.find(HTTP_PART).map_or("", |at| &before[at..]);
    let queue = report.render(options.jobs, options.rounds);
    std::fs::write(&options.output, format!("{}\n\n{http}", queue.trim_end()))?;
    tracing::info!(output = %options.output.display(), "written");
    Ok(())
}

/// One round: the worker and every shape of the floor, each on a database of
/// its own; odd rounds begin with the worker, even ones with the floor.
async fn drain_round(options: &Options, round: usize, report: &mut Report) -> Result<(), Error> {
    if !round.is_multiple_of(2) {
        worker_turn(options, report).await?;
    }
    for (index, (fetchers, batch)) in drain::FLOORS.into_iter().enumerate() {
        let stage = Stage::set(&options.database_url, &options.redis_url).await?;
        report.enqueue.push(rate(options.jobs, stage.enqueue(options.jobs).await?));
        stage.settle().await?;
        report.floors[index].push(rate(options.jobs, drain::floor(&stage, fetchers, batch).await?));
        stage.strike().await?;
    }
    if round.is_multiple_of(2) {
        worker_turn(options, report).await?;
    }
    Ok(())
}

async fn worker_turn(options: &Options, report: &mut Report) -> Result<(), Error> {
    let stage = Stage::set(&options.database_url, &options.redis_url).await?;
    stage.enqueue(options.jobs).await?;
    stage.settle().await?;
    report.worker.push(rate(options.jobs, drain::worker(&stage, options.jobs).await?));
    stage.strike().await
}
