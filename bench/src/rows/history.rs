//! Whether a long history of finished jobs slows a drain down.

use callboard_queue::{Job, internals};
use sqlx::PgPool;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    jobs::NoOp,
    options::Options,
    report::{Bar, Section},
    stage::{Error, Stage},
    stats::{float, median, spread},
    workers,
};

/// The days on which the finished jobs ended: as many as they are kept.
const DAYS: u8 = NoOp::RETENTION.completed_days;
/// Days that are filled at a time.
const AT_A_TIME: usize = 2;

/// `$1` jobs that ended `$2` days ago and are kept for `$3` days. Their ids are
/// UUIDs of version 7 and that time, as real ones are, so that the index grows alike.
const FILL: &str = "
    INSERT INTO queue_history (id, kind, payload_version, queue, priority, state, payload, attempt, max_attempts,
                               run_at, timeout_ms, worker_id, errors, meta,
                               created_at, queued_at, started_at, finished_at, keep_until)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || left(hash, 3) || 'a' || substr(hash, 4, 15))::uuid,
           $4, 1, $5, 1, 'completed', jsonb_build_object('number', number, 'note', $6::text), 1, 10,
           at, 60000, '00000000-0000-7000-a000-000000000000', '[]', '{}', at, at, at, at,
           (clock_timestamp() AT TIME ZONE 'UTC')::date - $2 + $3
    FROM (SELECT number, md5(number::text) AS hash,
                 clock_timestamp() - make_interval(days => $2, secs => ($1 - number) * 80000.0 / $1) AS at
          FROM generate_series(1, $1) AS number) AS ended";

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let (with, without) = (options.stage().await?, options.stage().await?);
    let began = Instant::now();
    fill(&with, options.history).await?;
    let bytes = history_bytes(&with.pool).await?;
    tracing::info!(bytes, took = ?began.elapsed(), "history filled");

    let (mut long, mut none) = (Vec::new(), Vec::new());
    for round in 1..=options.long_rounds {
        tracing::info!(round, "history");
        if round.is_multiple_of(2) {
            long.push(drain(&with, options.jobs).await?);
            none.push(drain(&without, options.jobs).await?);
        } else {
            none.push(drain(&without, options.jobs).await?);
            long.push(drain(&with, options.jobs).await?);
        }
    }
    with.strike().await?;
    without.strike().await?;
    Ok(section(options, bytes, &long, &none))
}

async fn drain(stage: &Stage, jobs: u64) -> Result<f64, Error> {
    stage.enqueue(jobs).await?;
    stage.settle().await?;
    workers::drain(stage, jobs).await
}

/// Writes a history straight into the table, the same number of jobs each day.
async fn fill(stage: &Stage, jobs: u64) -> Result<(), Error> {
    for day in 0..=DAYS {
        internals::ensure_partitions(&stage.pool, day).await?;
    }
    let each = i64::try_from(jobs / u64::from(DAYS))?;
    let mut tasks: JoinSet<Result<(), sqlx::Error>> = JoinSet::new();
    for ago in (0..DAYS).rev() {
        if tasks.len() >= AT_A_TIME
            && let Some(ended) = tasks.join_next().await
        {
            ended??;
        }
        let pool = stage.pool.clone();
        tasks.spawn(async move {
            let fill = sqlx::query(FILL).bind(each).bind(i32::from(ago)).bind(i32::from(DAYS));
            fill.bind(NoOp::KIND).bind(NoOp::QUEUE).bind(NoOp::new(0).note).execute(&pool).await.map(|_| ())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    // As autovacuum would, but not while something is measured.
    sqlx::raw_sql("VACUUM ANALYZE queue_history").execute(&stage.pool).await?;
    Ok(())
}

/// What the history takes on disk, its index included.
async fn history_bytes(pool: &PgPool) -> Result<u64, Error> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits
         WHERE inhparent = 'queue_history'::regclass",
    )
    .fetch_one(pool)
    .await?;
    Ok(u64::try_from(bytes)?)
}

fn section(options: &Options, bytes: u64, long: &[f64], none: &[f64]) -> Section {
    let ratio = median(long) / median(none);
    let text = format!(
        "\
Drains of {} no-op jobs by the real worker, in turns on two databases. The history of one holds {} finished jobs
({:.1} GB with its index), the same number for each of the last {DAYS} days; the one that ends now joins the newest.

| history | jobs/s (median) | lowest – highest |
|---|---:|---:|
| none | {:.0} | {} |
| {} finished jobs | **{:.0}** | {} |
",
        options.jobs,
        options.history,
        float(bytes) / 1e9,
        median(none),
        spread(none),
        options.history,
        median(long),
        spread(long),
    );
    Section {
        title: format!("A history of {} finished jobs", options.history),
        text,
        bars: vec![Bar::at_least("drain with a long history, of that with none", ratio, 0.9)],
    }
}
