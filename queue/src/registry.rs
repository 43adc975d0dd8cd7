//! Which handler runs which kind of job.

use std::{collections::BTreeMap, fmt, future::Future, iter, pin::Pin, sync::Arc};

use serde_json::value::RawValue;

use crate::{Error, Failure, Job, Kinds, Outcome, Run, encryption::is_sealed, policy::Policy};

/// How a kind of job runs, given the application's context `C`.
///
/// Implement it in the worker for payload types that other crates define: the
/// context type is the worker's own, which is what Rust's orphan rule asks for.
///
/// The future is dropped at its next await point when the attempt's time is up
/// or the run has lost its job. CPU-bound work belongs in
/// `tokio::task::spawn_blocking`: a handler that never awaits holds up the
/// worker's heartbeat.
///
/// A job may run more than once (a worker dies after the work and before the
/// completion), so a handler's effects must be safe to repeat, or be written
/// in the transaction that [`Run::complete_in`] commits.
pub trait Handler<C>: Job {
    /// Runs one attempt.
    ///
    /// # Errors
    /// A [`Failure`] is retried by the kind's backoff until its attempts are used up.
    fn run(self, context: &C, run: &Run) -> impl Future<Output = Result<Outcome, Failure>> + Send;
}

/// Why an attempt did not return an outcome.
#[derive(Debug)]
pub(crate) enum Attempted {
    Failed(Failure),
    Undecodable(String),
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Dispatch<C> = dyn Fn(Arc<C>, Box<RawValue>, Arc<Run>) -> BoxFuture<Result<Outcome, Attempted>> + Send + Sync;

pub(crate) struct Entry<C> {
    pub(crate) kind: &'static str,
    pub(crate) policy: Policy,
    pub(crate) dispatch: Arc<Dispatch<C>>,
}

/// What is wrong with a payload. Of a secret one only where: serde quotes what it found there.
fn problem_of(error: &serde_json::Error, secret: bool) -> String {
    if secret {
        format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
    } else {
        error.to_string()
    }
}

/// The kinds that a worker can run.
pub struct Registry<C> {
    entries: BTreeMap<&'static str, Arc<Entry<C>>>,
    /// Kinds that were registered more than once.
    twice: Vec<&'static str>,
}

impl<C> fmt::Debug for Registry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), twice: Vec::new() }
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    /// A registry that knows no kind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `J` under its kind.
    #[must_use]
    pub fn register<J: Handler<C>>(self) -> Self {
        self.register_as::<J>(J::KIND)
    }

    /// Adds `J` under another kind too: the old name of a renamed one, until
    /// its jobs have drained.
    #[must_use]
    pub fn register_as<J: Handler<C>>(mut self, kind: &'static str) -> Self {
        let dispatch = |context: Arc<C>, payload: Box<RawValue>, run: Arc<Run>| -> BoxFuture<_> {
            Box::pin(async move {
                let secret = run.policy.encrypted || is_sealed(&payload);
                let payload = run.open(payload).map_err(Attempted::Undecodable)?;
                let job = J::decode(run.payload_version, payload.get())
                    .map_err(|error| Attempted::Undecodable(problem_of(&error, secret)))?;
                job.run(&context, &run).await.map_err(Attempted::Failed)
            })
        };
        let entry = Entry { kind, policy: Policy::of::<J>(), dispatch: Arc::new(dispatch) };
        if self.entries.insert(kind, Arc::new(entry)).is_some() {
            self.twice.push(kind);
        }
        self
    }

    /// The kinds, sorted.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static str> {
        self.entries.keys().copied().collect()
    }

    /// What the ledger compares a job's kind and version with: each kind, and
    /// for the later versions of its payload that are read here `kind#2` and so on.
    pub(crate) fn readable(&self) -> Vec<String> {
        let versions = |entry: &Arc<Entry<C>>| {
            let kind = entry.kind;
            let later = (2..=entry.policy.payload_version).map(move |version| format!("{kind}#{version}"));
            iter::once(kind.to_owned()).chain(later)
        };
        self.entries.values().flat_map(versions).collect()
    }

    /// The queues of the kinds, sorted.
    #[must_use]
    pub fn queues(&self) -> Vec<&'static str> {
        let mut queues: Vec<_> = self.entries.values().map(|entry| entry.policy.queue).collect();
        queues.sort_unstable();
        queues.dedup();
        queues
    }

    /// The policies, without the handlers.
    #[must_use]
    pub fn policies(&self) -> Kinds {
        let mut kinds = Kinds::new();
        for entry in self.entries.values() {
            kinds.insert(entry.kind, entry.policy);
        }
        kinds
    }

    /// Whether every kind can run: it has one handler, and a policy that the ledger takes.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |problem| Err(Error::Setting { name: "registry", problem });
        if let Some(kind) = self.twice.first() {
            return refuse(format!("two handlers are registered for `{kind}`"));
        }
        for entry in self.entries.values() {
            entry.policy.check(entry.kind)?;
        }
        Ok(())
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Arc<Entry<C>>> {
        self.entries.get(kind)
    }
}
