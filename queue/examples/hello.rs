//! A job from its enqueue to its end, in one process.
//!
//! ```sh
//! scripts/services up example && eval "$(scripts/services env example)"
//! cargo run -p callboard-queue --example hello
//! scripts/services down example
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use callboard_queue::{
    Failure, Handler, Job, Metrics, Outcome, Priority, Queue, Registry, Run, Runner, RunnerSettings,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What is enqueued: a payload and its policy. The enqueuer needs no more.
#[derive(Serialize, Deserialize)]
struct Greet {
    name: String,
}

impl Job for Greet {
    const KIND: &'static str = "example.greet";
    const QUEUE: &'static str = "example";
    const PRIORITY: Priority = Priority::High;
}

/// What the worker's handlers share: pools, clients, settings.
struct Context {
    greeted: mpsc::Sender<String>,
}

/// How the job runs.
impl Handler<Context> for Greet {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        let greeting = format!("Hello, {}! (attempt {})", self.name, run.attempt());
        // Any error becomes a `Failure`, and the job is tried again.
        context.greeted.send(greeting.clone()).await?;
        Ok(Outcome::CompletedWith(json!({ "greeting": greeting })))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    sqlx::migrate!("../migrations").run(&pool).await?;
    let queue = Queue::connect(pool, &std::env::var("REDIS_URL")?, "example", Metrics::noop())?;

    // A worker, here as a task; usually a process of its own.
    let (greeted, mut greetings) = mpsc::channel(1);
    let registry = Registry::new().register::<Greet>();
    let runner = Runner::new(queue.clone(), registry, Context { greeted }, RunnerSettings::default())?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(runner.run(stop.clone()));

    // Rolled back: this job never exists.
    let mut transaction = queue.begin().await?;
    transaction.enqueue(&Greet { name: "nobody".to_owned() }).await?;
    transaction.rollback().await?;

    // Committed: this one runs, at once.
    let mut transaction = queue.begin().await?;
    let enqueued = transaction.enqueue(&Greet { name: "world".to_owned() }).await?;
    transaction.commit().await?;

    println!("{}", greetings.recv().await.ok_or("the worker ended")?);

    // Stops fetching, lets running jobs finish, gives the rest back.
    stop.cancel();
    worker.await??;
    let job = queue.job(enqueued.id).await?.ok_or("the job is gone")?;
    println!("{} is {}: {}", job.kind, job.state, job.result.unwrap_or_default());
    Ok(())
}
