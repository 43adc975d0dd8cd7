//! Kinds of jobs for tests, a behaviour each, and their handlers over a [`Stage`].

use std::{future::pending, time::Duration};

use callboard_queue::{Backoff, Failure, Handler, Job, Limit, Outcome, Progress, Registry, Retention, Run, Unique};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::stage::Stage;

/// An hour, so that a retry comes only when the test moves it.
const HOUR: Duration = Duration::from_hours(1);

/// All kinds but [`Stranger`], [`Original`] and [`Revised`].
#[must_use]
pub fn registry() -> Registry<Stage> {
    Registry::new()
        .register::<Capped>()
        .register::<Cancellable>()
        .register::<Effect>()
        .register::<Failing>()
        .register::<Gated>()
        .register::<Hopeless>()
        .register::<Keyed>()
        .register::<Limited>()
        .register::<NoOp>()
        .register::<Panicking>()
        .register::<Postponed>()
        .register::<Reporting>()
        .register::<Returning>()
        .register::<Snoozing>()
        .register::<Spawning>()
        .register::<Stuck>()
}

/// Does nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoOp {
    /// To tell jobs apart.
    pub number: i64,
}

impl Job for NoOp {
    const KIND: &'static str = "test.no_op";
}

impl Handler<Stage> for NoOp {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, self.number);
        Ok(Outcome::Completed)
    }
}

/// Waits at the stage's gate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gated {
    /// To tell jobs apart.
    pub number: i64,
}

impl Job for Gated {
    const KIND: &'static str = "test.gated";
    const TIMEOUT: Duration = HOUR;
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: HOUR };
}

impl Handler<Stage> for Gated {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, self.number);
        stage.pass().await;
        Ok(Outcome::Completed)
    }
}

/// As [`Gated`], on the queue `capped`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Capped {}

impl Job for Capped {
    const KIND: &'static str = "test.capped";
    const QUEUE: &'static str = "capped";
    const TIMEOUT: Duration = HOUR;
}

impl Handler<Stage> for Capped {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        stage.pass().await;
        Ok(Outcome::Completed)
    }
}

/// Fails at its first attempts; a retry waits up to an hour.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failing {
    /// How many attempts fail.
    pub times: i16,
}

impl Job for Failing {
    const KIND: &'static str = "test.failing";
    const MAX_ATTEMPTS: i16 = 3;
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: Duration::from_hours(3) };
}

impl Handler<Stage> for Failing {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        if run.attempt() <= self.times {
            return Err(Failure::new(format!("failed\0 at attempt {}", run.attempt())));
        }
        Ok(Outcome::Completed)
    }
}

/// Panics at every attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Panicking {}

impl Job for Panicking {
    const KIND: &'static str = "test.panicking";
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: HOUR };
}

impl Handler<Stage> for Panicking {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        panic!("on purpose");
    }
}

/// Never ends by itself; its time is up after 200 ms.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stuck {}

impl Job for Stuck {
    const KIND: &'static str = "test.stuck";
    const TIMEOUT: Duration = Duration::from_millis(200);
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: HOUR };
}

impl Handler<Stage> for Stuck {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        pending().await
    }
}

/// Asks for a retry after a time of its own at the first attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Postponed {
    /// That time.
    pub after: Duration,
}

impl Job for Postponed {
    const KIND: &'static str = "test.postponed";
    const MAX_ATTEMPTS: i16 = 2;
}

impl Handler<Stage> for Postponed {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        Ok(Outcome::RetryAfter(self.after, "not now".to_owned()))
    }
}

/// Says that no attempt can succeed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hopeless {}

impl Job for Hopeless {
    const KIND: &'static str = "test.hopeless";
}

impl Handler<Stage> for Hopeless {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        Ok(Outcome::Discard("the address does not exist".to_owned()))
    }
}

/// Returns text as its result, and echoes its payload in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Returning {
    /// The text, repeated.
    pub text: String,
    /// How often.
    pub times: usize,
    /// Ends every one with a NUL.
    pub nul: bool,
}

impl Job for Returning {
    const KIND: &'static str = "test.returning";
    const RETENTION: Retention = Retention { completed_days: 3, discarded_days: 40 };
}

impl Handler<Stage> for Returning {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        let end = if self.nul { "\0" } else { "" };
        Ok(Outcome::CompletedWith(json!({ "text": self.text.repeat(self.times) + end })))
    }
}

/// The scope of a [`Keyed`] job's key.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// Until the first attempt starts.
    Started,
    /// Until it has ended.
    Finished,
    /// An hour.
    Window,
}

/// Has a unique key; waits at the gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keyed {
    /// The key.
    pub key: String,
    /// How long it holds.
    pub scope: Scope,
}

impl Keyed {
    /// A job with this key.
    pub fn new(key: impl Into<String>, scope: Scope) -> Self {
        Self { key: key.into(), scope }
    }
}

impl Job for Keyed {
    const KIND: &'static str = "test.keyed";
    const TIMEOUT: Duration = HOUR;
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: HOUR };

    fn unique(&self) -> Option<Unique> {
        Some(match self.scope {
            Scope::Started => Unique::until_started(&self.key),
            Scope::Finished => Unique::until_finished(&self.key),
            Scope::Window => Unique::within(&self.key, HOUR),
        })
    }
}

impl Handler<Stage> for Keyed {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        stage.pass().await;
        Ok(Outcome::Completed)
    }
}

/// Writes a row into the table `effects` and finishes in the same transaction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Effect {
    /// Whether it waits at the gate between the row and the finish.
    pub gated: bool,
}

impl Job for Effect {
    const KIND: &'static str = "test.effect";
    const MAX_ATTEMPTS: i16 = 1_000;
    const TIMEOUT: Duration = HOUR;
    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(200) };
}

impl Handler<Stage> for Effect {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        let mut transaction = run.begin().await?;
        sqlx::query("INSERT INTO effects (job, attempt) VALUES ($1, $2)")
            .bind(run.id())
            .bind(run.attempt())
            .execute(&mut *transaction)
            .await?;
        if self.gated {
            stage.pass().await;
        }
        Ok(run.complete_in(transaction, Some(json!({ "attempt": run.attempt() }))).await?)
    }
}

/// Enqueues [`NoOp`] jobs in the transaction that finishes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spawning {
    /// How many.
    pub children: i64,
}

impl Job for Spawning {
    const KIND: &'static str = "test.spawning";
}

impl Handler<Stage> for Spawning {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        let mut transaction = run.begin().await?;
        let children: Vec<NoOp> = (0..self.children).map(|number| NoOp { number }).collect();
        transaction.enqueue_many(&children).await?;
        Ok(run.complete_in(transaction, None).await?)
    }
}

/// Shares a limit; waits at the gate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Limited {
    /// The limit's key.
    pub key: String,
    /// At most so many at a time.
    pub concurrency: Option<u32>,
    /// At most so many starts in a minute.
    pub per_minute: Option<u32>,
    /// Whether it does not wait.
    pub ungated: bool,
    /// Whether its first attempt fails.
    pub fails: bool,
}

impl Limited {
    /// At most `concurrency` at a time.
    #[must_use]
    pub fn to(concurrency: u32, key: &str) -> Self {
        Self { key: key.to_owned(), concurrency: Some(concurrency), ..Self::default() }
    }

    /// A fair share, and no wait at the gate.
    #[must_use]
    pub fn fair(key: &str) -> Self {
        Self { key: key.to_owned(), ungated: true, ..Self::default() }
    }
}

impl Job for Limited {
    const KIND: &'static str = "test.limited";
    const TIMEOUT: Duration = HOUR;
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: HOUR };

    fn limit(&self) -> Option<Limit> {
        Some(Limit { key: self.key.clone(), concurrency: self.concurrency, per_minute: self.per_minute })
    }
}

impl Handler<Stage> for Limited {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        if !self.ungated {
            stage.pass().await;
        }
        if self.fails && run.attempt() == 1 {
            return Err(Failure::new("as told"));
        }
        Ok(Outcome::Completed)
    }
}

/// Waits for its cancellation, then ends as it is told to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Cancellable {
    /// Completes all the same.
    Completes,
    /// Returns an error.
    Fails,
    /// Asks for a retry.
    Retries,
    /// Does not look at its token.
    Ignores,
}

impl Job for Cancellable {
    const KIND: &'static str = "test.cancellable";
    const TIMEOUT: Duration = HOUR;
    const BACKOFF: Backoff = Backoff { base: HOUR, cap: HOUR };
    const RETENTION: Retention = Retention { completed_days: 3, discarded_days: 40 };
}

impl Handler<Stage> for Cancellable {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        if matches!(self, Self::Ignores) {
            return pending().await;
        }
        run.cancelled().cancelled().await;
        match self {
            Self::Completes => Ok(Outcome::Completed),
            Self::Fails => Err(Failure::new("stopped half-way")),
            Self::Retries | Self::Ignores => Ok(Outcome::RetryAfter(HOUR, "later".to_owned())),
        }
    }
}

/// Is put off at its first runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snoozing {
    /// How often.
    pub times: usize,
}

impl Job for Snoozing {
    const KIND: &'static str = "test.snoozing";
    const MAX_ATTEMPTS: i16 = 1;
}

impl Handler<Stage> for Snoozing {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        if stage.times_run(run.id()) <= self.times {
            return Ok(Outcome::Snooze(HOUR));
        }
        Ok(Outcome::Completed)
    }
}

/// Tells its progress many times at once, then waits at the gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reporting {
    /// How many steps it tells of.
    pub steps: usize,
}

impl Job for Reporting {
    const KIND: &'static str = "test.reporting";
    const TIMEOUT: Duration = HOUR;
}

impl Handler<Stage> for Reporting {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        for step in 1..=self.steps {
            run.progress(Progress::of(step, self.steps).saying("steps taken"));
            tokio::task::yield_now().await;
        }
        stage.pass().await;
        Ok(Outcome::Completed)
    }
}

/// A kind that [`registry`] doesn't know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stranger {}

impl Job for Stranger {
    const KIND: &'static str = "test.stranger";
}

impl Handler<Stage> for Stranger {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        Ok(Outcome::Completed)
    }
}

/// The first version of [`Revised`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Original {
    /// To tell jobs apart.
    pub number: i64,
}

impl Job for Original {
    const KIND: &'static str = "test.revised";
}

impl Handler<Stage> for Original {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, self.number);
        Ok(Outcome::CompletedWith(json!({ "by": "original", "version": run.payload_version() })))
    }
}

/// The second version of [`Original`], which the first can't read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Revised {
    /// To tell jobs apart.
    pub numbers: Vec<i64>,
}

impl Job for Revised {
    const KIND: &'static str = "test.revised";
    const PAYLOAD_VERSION: i16 = 2;

    fn decode(version: i16, payload: &str) -> serde_json::Result<Self> {
        if version == 1 {
            let Original { number } = serde_json::from_str(payload)?;
            return Ok(Self { numbers: vec![number] });
        }
        serde_json::from_str(payload)
    }
}

impl Handler<Stage> for Revised {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, self.numbers.first().copied().unwrap_or_default());
        Ok(Outcome::CompletedWith(json!({ "by": "revised", "version": run.payload_version() })))
    }
}
