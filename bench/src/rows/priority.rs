//! How long an urgent job waits for a worker that others keep busy.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Priority, internals};
use tokio::time::{Instant, sleep_until};

use crate::{
    jobs::{NoOp, Pause},
    options::Options,
    report::{Bar, Section},
    stage::{Error, Stage},
    stats::quantile,
    workers::Workers,
};

/// How long the handlers of the others take, in ms; the mean is 40.
const SHORTEST: u64 = 20;
const LONGEST: u64 = 60;
/// More of them than 500 slots can end in a second.
const LOW_A_SECOND: u64 = 13_000;
const HIGH_EVERY: Duration = Duration::from_millis(20);
/// Until the worker is at its full load.
const WARM_UP: Duration = Duration::from_secs(1);

/// What came of it.
struct Measured {
    waits: Vec<Duration>,
    /// Slots in use, as the worker's last heartbeat said.
    busy: i32,
    /// Jobs of low priority that still waited at the end.
    behind: u64,
}

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let stage = options.stage().await?;
    let window = Duration::from_secs(options.priority_seconds);
    let low = LOW_A_SECOND * (window + WARM_UP).as_secs();
    stage.enqueue_many(low, |number| Pause { ms: SHORTEST + number * 17 % (LONGEST - SHORTEST + 1) }).await?;
    stage.settle().await?;
    let mut worker = Workers::start(&stage, 1)?;
    worker.ready().await;
    tokio::time::sleep(WARM_UP).await;
    let measured = urgent(&stage, &mut worker, window).await?;
    // The rest is of no interest, and is not drained.
    sqlx::raw_sql("UPDATE queue_jobs SET state = 'scheduled', run_at = 'infinity' WHERE worker_id IS NULL")
        .execute(&stage.pool)
        .await?;
    worker.stop().await?;
    stage.strike().await?;
    Ok(section(options, &measured))
}

/// Enqueues an urgent job every 20 ms, each at its time.
async fn urgent(stage: &Stage, worker: &mut Workers, window: Duration) -> Result<Measured, Error> {
    let count = u32::try_from(window.as_millis() / HIGH_EVERY.as_millis())?;
    let begin = Instant::now();
    let queue = stage.queue.clone();
    let enqueuer = tokio::spawn(async move {
        let mut commits = Vec::new();
        for number in 0..count {
            sleep_until(begin + HIGH_EVERY * number).await;
            let mut transaction = queue.begin().await?;
            let high = EnqueueOptions { priority: Some(Priority::High), ..EnqueueOptions::default() };
            transaction.enqueue_with(&NoOp::new(number.into()), high).await?;
            commits.push(internals::commit_timed(transaction).await?);
        }
        Ok::<_, Error>(commits)
    });
    let starts = worker.runs.take(count.into()).await?;
    let low = stage.list(Priority::Low)?;
    let behind = redis::cmd("LLEN").arg(low).query_async(&mut stage.redis.clone()).await?;
    let busy = sqlx::query_scalar("SELECT busy FROM queue_workers").fetch_one(&stage.pool).await?;
    let commits = enqueuer.await??;
    let wait = |(number, at): (u64, Instant)| {
        let committed = commits.get(usize::try_from(number).ok()?)?;
        Some(at.saturating_duration_since(*committed))
    };
    let mut waits: Vec<Duration> = starts.into_iter().filter_map(wait).collect();
    waits.sort_unstable();
    Ok(Measured { waits, busy, behind })
}

fn section(options: &Options, measured: &Measured) -> Section {
    let at = |per_mille| quantile(&measured.waits, per_mille);
    let longest = Duration::from_millis(LONGEST).as_secs_f64() * 1_000.0;
    let text = format!(
        "\
Jobs of low priority whose handlers take {SHORTEST} to {LONGEST} ms wait all the while for the 500 slots of the
real worker, in its default mode (weighted). Every {} ms for {} s comes one of high priority: from its commit's answer to its
handler's first line. Near the end {} slots were in use, and {} jobs of low priority waited.

| p50 | p90 | p99 | highest |
|---:|---:|---:|---:|
| {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |
",
        HIGH_EVERY.as_millis(),
        options.priority_seconds,
        measured.busy,
        measured.behind,
        at(500),
        at(900),
        at(990),
        at(1_000),
    );
    let bar = Bar::at_most("urgent jobs' wait, p99, in longest handlers", at(990) / longest, 1.5, " ×");
    Section {
        title: "Urgent jobs behind a saturating load".to_owned(),
        text,
        bars: vec![bar.only_if(measured.behind > 0)],
    }
}
