//! A worker of test jobs in a process of its own, one of which aborts it.
//! `DATABASE_URL`, `REDIS_URL` and `QUEUE_PREFIX` say where, `SLOTS` how many at a time.

use std::error::Error;

use callboard_queue::{Metrics, Queue, Runner, RunnerSettings};
use callboard_tests::poison;
use sqlx::postgres::PgPoolOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let pool = PgPoolOptions::new().max_connections(5).connect_lazy(&variable("DATABASE_URL")?)?;
    let queue = Queue::connect(pool, &variable("REDIS_URL")?, &variable("QUEUE_PREFIX")?, Metrics::noop())?;
    let slots = variable("SLOTS")?.parse()?;
    let settings = RunnerSettings { name: "mortal".to_owned(), slots, fetchers: 1, ..RunnerSettings::default() };
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let told = stop.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        told.cancel();
    });
    Ok(Runner::new(queue, poison::registry(), (), settings)?.run(stop).await?)
}
