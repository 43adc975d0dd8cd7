//! Why Redis is there: the same queue with workers that poll PostgreSQL, beside the product.

use std::time::Duration;

use crate::{
    counters,
    options::Options,
    pollers::{self, Pollers},
    report::Section,
    rows::{idle::STARTED_AFTER, latency::one_by_one},
    stage::{Error, Stage},
    stats::{quantile, steady},
    workers::Workers,
};

/// How many workers there are.
const SIZES: [usize; 3] = [1, 10, 50];
/// Jobs of a drain.
const JOBS: u64 = 100_000;
/// Jobs that open the workers' connections, each.
const WARM_UP: u64 = 1_000;
/// Of each way and size, one in so many of the samples of an idle system is taken.
const SAMPLES: u64 = 10;
/// How long idle workers are watched: some beats, or many polls.
const WATCHED: Duration = Duration::from_secs(10);

/// The three figures of one way and size.
struct Figures {
    latencies: Vec<Duration>,
    statements: Option<f64>,
    rate: f64,
}

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let mut lines = String::new();
    for size in SIZES {
        tracing::info!(size, "polling");
        let jobs = JOBS.min(options.jobs);
        lines += &line(size, "polling", &polling(options, size, jobs).await?);
        lines += &line(size, "**the product**", &product(options, size, jobs).await?);
    }
    Ok(section(&lines))
}

/// Enqueues come at any time between two polls.
fn at_any_time(number: u64) -> Duration {
    Duration::from_millis(number * 37 % 100)
}

async fn polling(options: &Options, size: usize, jobs: u64) -> Result<Figures, Error> {
    let stage = options.stage().await?;
    pollers::index(&stage).await?;
    let mut workers = Pollers::start(&stage, size).await?;
    let latencies = one_by_one(&stage, &mut workers.runs, options.samples / SAMPLES, at_any_time).await?;
    let statements = statements(&stage).await?;
    workers.stop().await?;

    stage.enqueue(jobs).await?;
    stage.settle().await?;
    let mut workers = Pollers::start(&stage, size).await?;
    let starts = workers.runs.take_sorted(jobs).await?;
    workers.stop().await?;
    stage.strike().await?;
    Ok(Figures { latencies, statements, rate: steady(&starts) })
}

async fn product(options: &Options, size: usize, jobs: u64) -> Result<Figures, Error> {
    let stage = options.stage().await?;
    let mut workers = Workers::start(&stage, size)?;
    workers.ready().await;
    tokio::time::sleep(STARTED_AFTER).await;
    let latencies = one_by_one(&stage, &mut workers.runs, options.samples / SAMPLES, at_any_time).await?;
    let statements = statements(&stage).await?;
    workers.drain_backlog(&stage, WARM_UP * size as u64).await?;
    let starts = workers.drain_backlog(&stage, jobs).await?;
    workers.stop().await?;
    stage.strike().await?;
    Ok(Figures { latencies, statements, rate: steady(&starts) })
}

/// Statements a second of all workers, idle.
async fn statements(stage: &Stage) -> Result<Option<f64>, Error> {
    Ok(counters::watch(stage, WATCHED).await?.statements.map(|statements| statements.total()))
}

fn line(size: usize, way: &str, figures: &Figures) -> String {
    let at = |per_mille| quantile(&figures.latencies, per_mille);
    let statements = figures.statements.map_or("not counted".to_owned(), |statements| format!("{statements:.1}"));
    format!("| {size} | {way} | {:.2} ms | {:.2} ms | {statements} | {:.0} |\n", at(500), at(990), figures.rate)
}

fn section(lines: &str) -> Section {
    let text = format!(
        "\
The same ledger without the ready lists: workers that claim with `FOR UPDATE SKIP LOCKED` along an index of what
waits, {} jobs a statement, and look again after {} ms when there was nothing. They are bare loops, one connection
each: no runtime, no handlers, no duties, no heartbeat; the product is the real worker with its default settings.
Idle latency is from the commit's answer to the claim's (polling) or to the handler's first line (the product);
statements are those of all workers together; the rate is the steady one of {JOBS} jobs at most. Everybody shares
the machine's cores.

| workers | | idle latency, p50 | p99 | idle statements/s | jobs/s |
|---:|---|---:|---:|---:|---:|
{lines}",
        pollers::BATCH,
        pollers::EVERY.as_millis(),
    );
    Section { title: "Why Redis is there".to_owned(), text, bars: Vec::new() }
}
