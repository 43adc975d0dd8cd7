//! apalis-redis 1.0 on the same Redis, as its users run it: the peer for
//! throughput below its limit, and what happens above it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use apalis::prelude::{Data, TaskSink, WorkerBuilder};
use apalis_redis::{Config, RedisStorage};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    jobs::NoOp,
    options::Options,
    report::Section,
    stage::Error,
    stats::{median, rate},
};

/// Jobs queued below and above the limit at which its scripts fail.
const BELOW: u64 = 5_000;
/// See [`BELOW`].
const ABOVE: u64 = 12_000;

/// The most that this run waits without a job having run.
const SILENCE: Duration = Duration::from_secs(10);

/// What came of a run.
struct PeerRun {
    ran: u64,
    took: Duration,
    /// Why it stopped early, if it did.
    stopped: Option<String>,
}

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let mut below = Vec::new();
    for _ in 0..options.rounds {
        below.push(drain(&options.redis_url, BELOW).await?);
    }
    let above = drain(&options.redis_url, ABOVE).await?;
    Ok(section(&below, &above))
}

async fn handle(job: NoOp, ran: Data<Arc<AtomicU64>>) {
    let _ = job.number;
    ran.fetch_add(1, Ordering::Relaxed);
}

/// Queues `count` no-op jobs, then starts a worker, and waits until all have
/// run or none has for ten seconds.
async fn drain(redis_url: &str, count: u64) -> Result<PeerRun, Error> {
    let connection = apalis_redis::connect(redis_url).await?;
    let queue = format!("callboard-bench-{}", Uuid::now_v7());
    // Fetching as fast and as much as its settings offer, and no bookkeeping that we don't ask of ourselves.
    let config = Config::default()
        .queue(&queue)
        .batch_size(100)
        .heartbeat_interval(Duration::from_millis(100))
        .emit_events(false);
    let mut storage = RedisStorage::<NoOp>::new(connection).with_config(config);
    for number in 0..count {
        storage.push(NoOp::new(number)).await.map_err(|error| error.to_string())?;
    }
    let ran = Arc::new(AtomicU64::new(0));
    let worker = WorkerBuilder::new(Uuid::now_v7().to_string()).backend(storage).data(ran.clone()).build(handle);
    let started = Instant::now();
    let mut running = tokio::spawn(worker.run());
    let mut last = (0, started);
    let stopped = loop {
        let now = ran.load(Ordering::Relaxed);
        if now > last.0 {
            last = (now, Instant::now());
        }
        if now >= count {
            break None;
        }
        if last.1.elapsed() > SILENCE {
            break Some(format!("no job ran for {SILENCE:?}"));
        }
        tokio::select! {
            ended = &mut running => break Some(match ended? {
                Ok(()) => "the worker ended".to_owned(),
                Err(error) => format!("the worker ended: {error}"),
            }),
            () = tokio::time::sleep(Duration::from_millis(2)) => {}
        }
    };
    running.abort();
    forget(redis_url, &queue).await?;
    Ok(PeerRun { ran: last.0, took: last.1 - started, stopped })
}

/// Removes the queue's keys.
async fn forget(redis_url: &str, queue: &str) -> Result<(), Error> {
    let mut redis = redis::Client::open(redis_url)?.get_multiplexed_async_connection().await?;
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg(format!("*{queue}*"))
            .arg("COUNT")
            .arg(1_000)
            .query_async(&mut redis)
            .await?;
        if !keys.is_empty() {
            let () = redis::cmd("UNLINK").arg(keys).query_async(&mut redis).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

fn section(below: &[PeerRun], above: &PeerRun) -> Section {
    let rates: Vec<f64> = below.iter().map(|run| rate(run.ran, run.took)).collect();
    let ran: Vec<String> = below.iter().map(|run| run.ran.to_string()).collect();
    let complete = below.iter().filter(|run| run.stopped.is_none()).count();
    let text = format!(
        "\
Its jobs live in Redis alone: no row, no transaction. Batches of 100, polling every 100 ms, events off.

| jobs queued | ran | jobs/s (median) | |
|---:|---:|---:|---|
| {BELOW} | {} | {:.0} | {complete} of {} runs complete |
| {ABOVE} | {} | {:.0} | {} |
",
        ran.join(", "),
        median(&rates),
        below.len(),
        above.ran,
        rate(above.ran, above.took),
        above.stopped.as_deref().unwrap_or("complete"),
    );
    Section { title: "apalis-redis 1.0 on the same Redis".to_owned(), text, bars: Vec::new() }
}
