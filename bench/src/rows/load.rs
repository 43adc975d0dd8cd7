//! How soon a job starts after its commit while many tasks enqueue at a steady rate.
//!
//! An open loop: each enqueue is due at a fixed time, however the ones before
//! it fared, as requests come in without waiting for each other.

use std::{collections::HashMap, time::Duration};

use callboard_queue::{Queue, internals};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    jobs::NoOp,
    options::Options,
    report::{Bar, Section},
    stage::Error,
    stats::{float, median, quantile, rate},
    workers::Workers,
};

/// Enqueues a second.
const RATE: u64 = 5_000;
const TASKS: u64 = 32;
/// The first second opens connections and makes plans.
const WARM_UP: u64 = 1;
/// The share of the rate that must be reached for the latency to count.
const REACHED: f64 = 0.95;

/// One enqueue, by its number.
struct Enqueue {
    number: u64,
    due: Instant,
    committed: Instant,
}

/// What a round came to; times in ms.
struct Round {
    /// Enqueues a second.
    rate: f64,
    /// The same where no worker runs.
    rate_alone: f64,
    commit_p50: f64,
    commit_p99: f64,
    due_p50: f64,
    due_p99: f64,
}

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let mut rounds = Vec::new();
    for round in 1..=options.long_rounds {
        tracing::info!(round, "load");
        rounds.push(one_round(options).await?);
    }
    Ok(section(options.load_seconds, &rounds))
}

async fn one_round(options: &Options) -> Result<Round, Error> {
    let count = RATE * (WARM_UP + options.load_seconds);
    let alone = options.stage().await?;
    let rate_alone = reached(&enqueue_all(alone.queue.clone(), count).await?);
    alone.strike().await?;

    let stage = options.stage().await?;
    let mut worker = Workers::start(&stage, 1)?;
    worker.ready().await;
    let enqueuing = tokio::spawn(enqueue_all(stage.queue.clone(), count));
    let starts: HashMap<u64, Instant> = worker.runs.take(count).await?.into_iter().collect();
    let enqueues = enqueuing.await??;
    worker.stop().await?;
    stage.strike().await?;

    let from_commit = waits(&enqueues, &starts, |enqueue| enqueue.committed);
    let from_due = waits(&enqueues, &starts, |enqueue| enqueue.due);
    Ok(Round {
        rate: reached(&enqueues),
        rate_alone,
        commit_p50: quantile(&from_commit, 500),
        commit_p99: quantile(&from_commit, 990),
        due_p50: quantile(&from_due, 500),
        due_p99: quantile(&from_due, 990),
    })
}

/// Enqueues a second: from when the first was due to the last commit.
fn reached(enqueues: &[Enqueue]) -> f64 {
    let first = enqueues.iter().map(|enqueue| enqueue.due).min();
    let last = enqueues.iter().map(|enqueue| enqueue.committed).max();
    first.zip(last).map_or(0.0, |(first, last)| rate(enqueues.len() as u64, last - first))
}

/// How long each job's start was after that moment of its enqueue, sorted.
fn waits(enqueues: &[Enqueue], starts: &HashMap<u64, Instant>, from: fn(&Enqueue) -> Instant) -> Vec<Duration> {
    let wait = |enqueue: &Enqueue| Some(starts.get(&enqueue.number)?.saturating_duration_since(from(enqueue)));
    let mut waits: Vec<Duration> = enqueues.iter().filter_map(wait).collect();
    waits.sort_unstable();
    waits
}

/// Enqueues `count` jobs from all tasks; leaves out those that warm up.
async fn enqueue_all(queue: Queue, count: u64) -> Result<Vec<Enqueue>, Error> {
    let begin = Instant::now() + Duration::from_millis(50);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        tasks.spawn(enqueue(queue.clone(), begin, task, count));
    }
    let mut enqueues = Vec::new();
    while let Some(task) = tasks.join_next().await {
        enqueues.extend(task??.into_iter().filter(|enqueue| enqueue.number >= RATE * WARM_UP));
    }
    Ok(enqueues)
}

/// Every 32nd enqueue: at its time, or at once where that is over.
async fn enqueue(queue: Queue, begin: Instant, task: u64, count: u64) -> Result<Vec<Enqueue>, Error> {
    let mut enqueues = Vec::new();
    for number in (task..count).step_by(usize::try_from(TASKS)?) {
        let due = begin + Duration::from_secs_f64(float(number) / float(RATE));
        sleep_until(due).await;
        let mut transaction = queue.begin().await?;
        transaction.enqueue(&NoOp::new(number)).await?;
        let committed = internals::commit_timed(transaction).await?;
        enqueues.push(Enqueue { number, due, committed });
    }
    Ok(enqueues)
}

fn section(seconds: u64, rounds: &[Round]) -> Section {
    let middle = |figure: fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    let reached = middle(|round| round.rate);
    let p99 = middle(|round| round.commit_p99);
    let text = format!(
        "\
{TASKS} tasks enqueue a job a transaction, {RATE} a second in all, for {seconds} s after a second of warming up;
each enqueue is due at a fixed time, however the ones before fared. The first line is measured from the
commit's answer, as the bar is; the second from when the enqueue was due, with all that the transaction itself
took. Medians of {} rounds.

| to the handler's first line | p50 | p99 |
|---|---:|---:|
| from the commit's answer | {:.2} ms | **{p99:.2} ms** |
| from when it was due | {:.2} ms | {:.2} ms |

Reached: {reached:.0} enqueues a second; {:.0} where the same tasks enqueue and no worker runs. Below {REACHED} of
{RATE} the latency does not count: what is late by then is the enqueue itself.
",
        rounds.len(),
        middle(|round| round.commit_p50),
        middle(|round| round.due_p50),
        middle(|round| round.due_p99),
        middle(|round| round.rate_alone),
    );
    let bar = Bar::at_most("commit to start at 5,000 enqueues a second, p99", p99, 15.0, " ms");
    Section {
        title: format!("From commit to start, {RATE} enqueues a second"),
        text,
        bars: vec![bar.only_if(reached >= REACHED * float(RATE))],
    }
}
