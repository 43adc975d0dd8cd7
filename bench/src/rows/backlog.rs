//! Whether a deep backlog is drained as fast as a short one, and what it takes of Redis.

use callboard_queue::Priority;

use crate::{
    options::Options,
    report::{Bar, Section},
    stage::{Error, Stage},
    stats::{between, float, median, spread, steady},
    workers::{Workers, pile_up},
};

/// Jobs of the short backlog.
const SHORT: u64 = 10_000;
/// So short a drain is measured so often in a round.
const REPEATS: usize = 6;

#[derive(Default)]
struct Measured {
    short: Vec<f64>,
    deep: Vec<f64>,
    /// While most of the deep backlog still waits, and when little is left.
    early: Vec<f64>,
    late: Vec<f64>,
    /// Commands over 10 ms, in all rounds.
    slow: u64,
    /// Bytes of the ready list a job, and of all of Redis.
    list_bytes: Vec<f64>,
    redis_bytes: Vec<f64>,
}

/// In turns, by one warm worker: several short backlogs, then a deep one.
pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let mut measured = Measured::default();
    for round in 1..=options.long_rounds {
        tracing::info!(round, "backlog");
        let stage = options.stage().await?;
        let mut worker = Workers::start(&stage, 1)?;
        worker.ready().await;
        // Opens the worker's connections.
        worker.drain_backlog(&stage, SHORT).await?;
        for _ in 0..REPEATS {
            measured.short.push(steady(&worker.drain_backlog(&stage, SHORT).await?));
        }
        deep(options, &stage, &mut worker, &mut measured).await?;
        worker.stop().await?;
        stage.strike().await?;
    }
    Ok(section(options.backlog, &measured))
}

async fn deep(options: &Options, stage: &Stage, worker: &mut Workers, measured: &mut Measured) -> Result<(), Error> {
    let empty: u64 = stage.redis_info("used_memory").await?.parse()?;
    forget_slow_commands(stage).await?;
    pile_up(stage, options.backlog).await?;
    measured.slow += slow_commands(stage).await?;

    let full: u64 = stage.redis_info("used_memory").await?.parse()?;
    let list = stage.list(Priority::Default)?;
    let list: u64 =
        redis::cmd("MEMORY").arg("USAGE").arg(list).arg("SAMPLES").arg(0).query_async(&mut stage.redis.clone()).await?;
    measured.list_bytes.push(float(list) / float(options.backlog));
    measured.redis_bytes.push(float(full.saturating_sub(empty)) / float(options.backlog));

    // Counting the list's bytes was a slow command of our own.
    forget_slow_commands(stage).await?;
    let starts = worker.drain_pile(stage, options.backlog).await?;
    measured.deep.push(steady(&starts));
    measured.early.push(between(&starts, 5, 25));
    measured.late.push(between(&starts, 75, 95));
    measured.slow += slow_commands(stage).await?;
    Ok(())
}

/// Empties the slow log, which keeps what takes over 10 ms.
async fn forget_slow_commands(stage: &Stage) -> Result<(), Error> {
    let mut redis = stage.redis.clone();
    let () = redis::cmd("CONFIG").arg("SET").arg("slowlog-log-slower-than").arg(10_000).query_async(&mut redis).await?;
    Ok(redis::cmd("SLOWLOG").arg("RESET").query_async(&mut redis).await?)
}

async fn slow_commands(stage: &Stage) -> Result<u64, Error> {
    Ok(redis::cmd("SLOWLOG").arg("LEN").query_async(&mut stage.redis.clone()).await?)
}

fn section(backlog: u64, measured: &Measured) -> Section {
    let (short, deep) = (median(&measured.short), median(&measured.deep));
    let bytes = median(&measured.redis_bytes);
    let text = format!(
        "\
The real worker with its default settings, warm, in turns. The rate is that between the first and the last tenth
of the handlers' starts, by their own clock, so that neither start nor end counts.

| backlog | jobs/s (median) | lowest – highest | drains |
|---:|---:|---:|---:|
| {SHORT} | {short:.0} | {} | {} |
| {backlog} | **{deep:.0}** | {} | {} |
| {backlog}, while 95 to 75 % still wait | {:.0} | {} | |
| {backlog}, while 25 to 5 % still wait | {:.0} | {} | |

A short drain is over in less than a second; a deep one also meets autovacuum and PostgreSQL's writing of its log
and its tables. The last two lines, both of a long drain, tell what the depth alone does.

Redis with the full backlog: {:.1} bytes a job in the ready list (`MEMORY USAGE`), {bytes:.1} by the difference of
`used_memory`. Commands over 10 ms in `SLOWLOG`, while it was filled and drained: {}.
",
        spread(&measured.short),
        measured.short.len(),
        spread(&measured.deep),
        measured.deep.len(),
        median(&measured.early),
        spread(&measured.early),
        median(&measured.late),
        spread(&measured.late),
        median(&measured.list_bytes),
        measured.slow,
    );
    Section {
        title: format!("A backlog of {backlog}"),
        text,
        bars: vec![
            Bar::at_least("drain of a deep backlog, of that of a short one", deep / short, 0.9),
            Bar::at_most("Redis commands over 10 ms", float(measured.slow), 0.0, ""),
            Bar::at_most("Redis memory a queued job", bytes, 100.0, " bytes"),
        ],
    }
}
