//! The benchmark of the HTTP API: `make bench-http`. The API with all that every
//! request passes, against bare handlers that do the same statement.

mod floor;
mod load;
mod report;
mod stage;

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use uuid::Uuid;

use crate::{
    load::{Target, pace, saturate},
    report::{Report, Row},
    stage::Stage,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The highest limit that can be set: no run reaches it, and it is checked all
/// the same.
const NO_LIMIT: &str = "1000000";

const CREATE_ITEM: &str = include_str!("create_item.lua");
const CREATE_USER: &str = include_str!("create_user.lua");

/// Measures the API against its floor and writes the results.
#[derive(Parser)]
struct Options {
    /// PostgreSQL; the run makes a database of its own there.
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
    /// Redis; keys carry a prefix of their own.
    #[arg(long, env = "REDIS_URL")]
    redis_url: String,
    /// Where `callboard-api` is, built for release.
    #[arg(long, env = "CALLBOARD_BIN_DIR", default_value = "target/release")]
    bin: PathBuf,
    /// Rounds; medians are reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Where to write the results.
    #[arg(long, default_value = "docs/benchmarks.md")]
    output: PathBuf,
    /// Serves the floor instead, for rows of this owner.
    #[arg(long, hide = true)]
    floor: Option<Uuid>,
    /// The floor's connections to PostgreSQL.
    #[arg(long, hide = true, default_value_t = 20)]
    connections: u32,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = Options::parse();
    if let Some(owner) = options.floor {
        return floor::serve(&options.database_url, options.connections, owner).await;
    }
    tracing_subscriber::fmt().with_env_filter("info,sqlx=error").with_writer(std::io::stderr).init();
    let scratch = std::env::temp_dir().join(format!("callboard-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let stage = Stage::set(&options.bin, &scratch, &options.database_url, &options.redis_url).await?;
    let mut report = Report::new(rows(&stage), steps(&stage));
    for round in 1..=options.rounds {
        tracing::info!(round, "rows and steps");
        // Odd rounds begin with the floor, even ones with the API.
        for row in &mut report.rows {
            stage.settle().await?;
            row.measure(round.is_multiple_of(2), options.seconds, &scratch).await?;
        }
        for step in &mut report.steps {
            step.runs.push(saturate(&step.target, options.seconds, &scratch).await?);
        }
    }
    let authenticated = &report.rows[0];
    let half = authenticated.api_rate() / 2.0;
    tracing::info!(rate = half, "half load");
    report.half_load = Some((half, pace(&authenticated.api, half, Duration::from_secs(10)).await?));
    report.write(&options.output, options.rounds, options.seconds)?;
    stage.strike().await?;
    std::fs::remove_dir_all(&scratch)?;
    tracing::info!(output = %options.output.display(), "written");
    Ok(())
}

/// What the API is compared in, with the bar of each.
fn rows(stage: &Stage) -> Vec<Row> {
    let token = Some(stage.token.as_str());
    let account = format!("/accounts/{}", stage.account);
    let api = |path: &str| format!("/api/v1{path}");
    vec![
        Row::new(
            "authenticated GET by id",
            Some(0.7),
            Target::get(&stage.floor, &account, None),
            Target::get(&stage.api, &api(&account), token),
        ),
        Row::new(
            "cached list of 50",
            Some(1.0),
            Target::get(&stage.floor, "/items", None),
            Target::get(&stage.api, &api("/items"), None),
        ),
        Row::new(
            "create with audit, idempotency key and job",
            Some(0.5),
            Target::post(&stage.floor, "/users", None, CREATE_USER),
            Target::post(&stage.api, &api("/users"), token, CREATE_USER),
        ),
        Row::new(
            "create with audit and idempotency key",
            Some(0.5),
            Target::post(&stage.floor, "/items", None, CREATE_ITEM),
            Target::post(&stage.api, &api("/items"), token, CREATE_ITEM),
        ),
        Row::new(
            "the same, and a floor that sends the same statements",
            None,
            Target::post(&stage.floor, "/whole-items", None, CREATE_ITEM),
            Target::post(&stage.api, &api("/items"), token, CREATE_ITEM),
        ),
    ]
}

/// Routes each of which passes one thing more than the one before.
fn steps(stage: &Stage) -> Vec<report::Step> {
    let token = Some(stage.token.as_str());
    vec![
        report::Step::new("bare axum, a handler that answers `{}`", Target::get(&stage.floor, "/", None)),
        report::Step::new(
            "+ request id, span, metrics, security headers, compression, problems, time limit, access table (`/livez`, log off)",
            Target::get(&stage.silent, "/livez", None),
        ),
        report::Step::new("+ a log line (`/livez`)", Target::get(&stage.api, "/livez", None)),
        report::Step::new(
            "+ rate limit by address, `Accept` (`/api/v1/hello`)",
            Target::get(&stage.api, "/api/v1/hello", None),
        ),
        report::Step::new(
            "+ access token, session and user, rate limit by user (`/api/v1/auth/me`)",
            Target::get(&stage.api, "/api/v1/auth/me", token),
        ),
        report::Step::new(
            "+ one statement, ownership, `ETag` (`/api/v1/accounts/{id}`)",
            Target::get(&stage.api, &format!("/api/v1/accounts/{}", stage.account), token),
        ),
    ]
}
