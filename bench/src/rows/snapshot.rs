//! What a transaction that idles with a snapshot costs: while it is open, no
//! dead row of its database can be removed.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::Instant;

use crate::{
    options::Options,
    report::{Bar, Section},
    stage::{Error, Stage},
    stats::{median, spread},
    workers,
};

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let (held, free) = (options.stage().await?, options.stage().await?);
    // Both have been in use.
    for stage in [&held, &free] {
        drain(stage, options.jobs).await?;
    }
    let snapshot = take(&held).await?;
    let since = Instant::now();
    let mut before = 0;
    while since.elapsed() < Duration::from_secs(options.snapshot_seconds) {
        drain(&held, options.jobs).await?;
        before += options.jobs;
    }
    let age = since.elapsed();

    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 1..=options.long_rounds {
        tracing::info!(round, "snapshot");
        if round.is_multiple_of(2) {
            with.push(drain(&held, options.jobs).await?);
            without.push(drain(&free, options.jobs).await?);
        } else {
            without.push(drain(&free, options.jobs).await?);
            with.push(drain(&held, options.jobs).await?);
        }
    }
    snapshot.close().await?;
    held.strike().await?;
    free.strike().await?;
    Ok(section(options.jobs, age, before, &with, &without))
}

/// Opens the transaction, which has read the history; it ends with its connection.
async fn take(stage: &Stage) -> Result<PgConnection, Error> {
    let mut connection = stage.options().connect().await?;
    for statement in ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM queue_history"] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    Ok(connection)
}

async fn drain(stage: &Stage, jobs: u64) -> Result<f64, Error> {
    stage.enqueue(jobs).await?;
    stage.settle().await?;
    workers::drain(stage, jobs).await
}

fn section(jobs: u64, age: Duration, before: u64, with: &[f64], without: &[f64]) -> Section {
    let ratio = median(with) / median(without);
    let text = format!(
        "\
Drains of {jobs} no-op jobs by the real worker, in turns on two databases. In one of them a `REPEATABLE READ`
transaction that has read the history idles all the while; before the first round it had been open for {} s, in
which {before} jobs were drained.

| snapshot | jobs/s (median) | lowest – highest |
|---|---:|---:|
| none | {:.0} | {} |
| held | **{:.0}** | {} |
",
        age.as_secs(),
        median(without),
        spread(without),
        median(with),
        spread(with),
    );
    Section {
        title: "A held snapshot".to_owned(),
        text,
        bars: vec![Bar::at_least("drain while a snapshot is held, of that without", ratio, 0.65)],
    }
}
