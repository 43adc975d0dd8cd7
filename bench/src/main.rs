//! The benchmark: `make bench`. `docs/benchmarks.md` has its results.
//!
//! Machines are noisy, so what counts are ratios: the product and its reference
//! take turns in one run, and medians over the rounds are compared.

mod counters;
mod floor;
mod jobs;
mod machine;
mod options;
mod pollers;
mod report;
mod rows;
mod stage;
mod stats;
mod workers;

use std::io::Write as _;

use clap::{Parser, ValueEnum};

use crate::{options::Options, rows::Row, stage::Error};

/// As a worker logs at info, spans and all, but for the line a job (see
/// `docs/benchmarks.md`), and what hundreds of starts and pauses would say.
const LOG: &str = "info,callboard_queue::job=warn,callboard_queue::runner=warn,callboard_queue::pause=warn,\
                   apalis_core=off,sqlx=error";

/// Where the part of `make bench-http` begins in the results.
const HTTP_PART: &str = "<!-- make bench-http";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = Options::parse();
    tracing_subscriber::fmt().with_env_filter(LOG).with_writer(std::io::stderr).init();
    let all = options.only.is_empty();
    let rows = if all { Row::value_variants() } else { &options.only };
    let mut sections = Vec::new();
    for row in rows {
        tracing::info!(?row, "measuring");
        sections.push(row.measure(&options).await?);
    }
    let stage = options.stage().await?;
    let report = report::render(&machine::describe(&stage).await?, &sections);
    stage.strike().await?;
    if !all {
        return Ok(std::io::stdout().write_all(report.as_bytes())?);
    }
    // The HTTP API's part, which another command writes, stays.
    let before = std::fs::read_to_string(&options.output).unwrap_or_default();
    let http = before.find(HTTP_PART).map_or("", |at| &before[at..]);
    std::fs::write(&options.output, format!("{}\n\n{http}", report.trim_end()))?;
    tracing::info!(output = %options.output.display(), "written");
    Ok(())
}
