//! Running one job: decode and dispatch under a time-out, catch panics, and
//! settle the outcome. Each step is a layer of the `apalis` worker.
//!
//! | layer | does |
//! |---|---|
//! | [`Settle`] | a task of its own, the span, the metrics, the log line; tells the finisher; frees the slot |
//! | apalis' `CatchPanicLayer` | turns a panic into an error |
//! | [`Dispatch`] | decodes the payload and runs the handler until it ends, its time is up or it is cancelled |

use std::{
    any::Any,
    convert::Infallible,
    error::Error as StdError,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::Task;
use serde_json::value::RawValue;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};
use tracing::{Instrument, Span, error_span};

use crate::{
    Outcome, Run, backoff,
    cancel::HANDLER_GRACE,
    finisher::Settled,
    held::Held,
    ledger::{
        cancel::REQUESTED,
        claim::Claim,
        finish::{EndState, Retried},
    },
    metrics::KindMetrics,
    outcome::FailureKind,
    registry::{Attempted, Entry},
    run::{checked_result, clean},
};

type BoxError = Box<dyn StdError + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An attempt on a task of its own, so that handlers use all cores. Its outcome
/// has gone to the finisher by the time it is ready.
pub(crate) struct Spawned {
    attempt: JoinHandle<()>,
    claim: Claim,
    held: Arc<Held>,
}

impl Future for Spawned {
    type Output = Result<(), Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.attempt).poll(cx).map(|joined| {
            // Not the handler, whose panics are caught, but what stands around it.
            if let Err(error) = joined {
                tracing::error!(%error, "an attempt ended without an outcome; the reconciler gives its job back");
                self.held.remove(std::iter::once(self.claim));
                self.held.doubt();
            }
            Ok(())
        })
    }
}

/// A claimed job on its way through the layers.
pub(crate) struct Assignment<C> {
    pub(crate) run: Arc<Run>,
    pub(crate) entry: Arc<Entry<C>>,
    pub(crate) payload: Box<RawValue>,
    pub(crate) metrics: Arc<KindMetrics>,
    pub(crate) slot: Option<OwnedSemaphorePermit>,
}

/// Why an attempt brought no outcome.
#[derive(Debug)]
pub(crate) enum NoOutcome {
    Attempted(Attempted),
    TimedOut(Duration),
    Panicked(String),
    /// The worker stops for good, or the run has lost its job.
    Cancelled,
}

impl fmt::Display for NoOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempted(Attempted::Failed(failure)) => write!(f, "{failure}"),
            Self::Attempted(Attempted::Undecodable(problem)) => {
                write!(f, "the payload does not decode: {problem}")
            }
            Self::TimedOut(limit) => write!(f, "ran longer than its time-out of {limit:?}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl StdError for NoOutcome {}

impl NoOutcome {
    /// For apalis' `CatchPanicLayer`.
    pub(crate) fn of_panic(panic: &Box<dyn Any + Send>) -> Self {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Panicked(message.unwrap_or_else(|| "with something that is not text".to_owned()))
    }

    const fn kind(&self) -> FailureKind {
        match self {
            Self::Attempted(Attempted::Undecodable(_)) => FailureKind::Undecodable,
            Self::TimedOut(_) => FailureKind::Timeout,
            Self::Panicked(_) => FailureKind::Panic,
            Self::Attempted(Attempted::Failed(_)) | Self::Cancelled => FailureKind::Error,
        }
    }
}

/// The innermost service: one attempt of one handler.
pub(crate) struct Dispatch<C> {
    pub(crate) context: Arc<C>,
}

impl<C> Clone for Dispatch<C> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone() }
    }
}

impl<C: Send + Sync + 'static> Service<Task<Assignment<C>>> for Dispatch<C> {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<Result<Outcome, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Assignment<C>>) -> Self::Future {
        let (Assignment { run, entry, payload, .. }, _) = task.take();
        let attempt = (entry.dispatch)(self.context.clone(), payload, run.clone());
        Box::pin(async move {
            let mut attempt = pin!(tokio::time::timeout_at(run.deadline(), attempt));
            let ended = tokio::select! {
                biased;
                () = run.stop.token().cancelled() => None,
                ended = &mut attempt => Some(ended),
            };
            // Only one whose job somebody cancels may still end by itself.
            let ended = match ended {
                None if run.stop.is_requested() => tokio::time::timeout(HANDLER_GRACE, attempt).await.ok(),
                ended => ended,
            };
            let Some(ended) = ended else { return Err(NoOutcome::Cancelled.into()) };
            match ended {
                Ok(Ok(outcome)) => Ok(outcome),
                Ok(Err(attempted)) => Err(NoOutcome::Attempted(attempted).into()),
                Err(_) => Err(NoOutcome::TimedOut(run.timeout).into()),
            }
        })
    }
}

/// The layer of [`Settle`].
#[derive(Clone)]
pub(crate) struct SettleLayer {
    pub(crate) held: Arc<Held>,
    pub(crate) settled: mpsc::Sender<Settled>,
    /// Fired when the worker stops for good: what runs then is given back unburnt.
    pub(crate) stopping: CancellationToken,
}

impl<S> Layer<S> for SettleLayer {
    type Service = Settle<S>;

    fn layer(&self, inner: S) -> Settle<S> {
        Settle { inner, layer: self.clone() }
    }
}

/// Sees an attempt through from its span to its outcome in the finisher.
#[derive(Clone)]
pub(crate) struct Settle<S> {
    inner: S,
    layer: SettleLayer,
}

impl<S, C> Service<Task<Assignment<C>>> for Settle<S>
where
    S: Service<Task<Assignment<C>>, Response = Outcome>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    C: Send + Sync + 'static,
{
    type Response = ();
    type Error = Infallible;
    type Future = Spawned;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The services inside are ready or pending, never failed.
        self.inner.poll_ready(cx).map(|_| Ok(()))
    }

    fn call(&mut self, mut task: Task<Assignment<C>>) -> Self::Future {
        let run = task.args.run.clone();
        let metrics = task.args.metrics.clone();
        let slot = task.args.slot.take();
        let span = span_of(&run);
        let attempt = self.inner.call(task).instrument(span.clone());
        let SettleLayer { held, settled, stopping } = self.layer.clone();
        let started = Instant::now();
        let claim = run.claim();
        let attempt = tokio::spawn(async move {
            run.stop.begin();
            let ended = attempt.await.map_err(Into::into);
            let ran = started.elapsed();
            metrics.wait.record(run.waited.as_secs_f64());
            metrics.run.record(ran.as_secs_f64());
            if let Some(outcome) = settle(&run, ended, &stopping) {
                outcome.count(&metrics);
                span.in_scope(|| outcome.log(&run, ran));
                // The finisher outlives every run, so this fails only as the process ends.
                let _ = settled.send(outcome.settled).await;
            }
            drop(slot);
        });
        Spawned { attempt, claim, held }
    }
}

// At error, so that its ids stand in every line, however few are logged.
fn span_of(run: &Run) -> Span {
    error_span!(
        "job",
        id = %run.id,
        kind = run.kind,
        attempt = run.attempt,
        request_id = run.request_id(),
        trace_id = run.trace_id(),
    )
}

/// An outcome with what is to be said about it.
struct Concluded {
    settled: Settled,
    word: &'static str,
    problem: Option<String>,
}

/// What follows from how the attempt ended. `None`: the run has lost its job,
/// and the ledger must not be told anything.
fn settle(run: &Run, ended: Result<Outcome, BoxError>, stopping: &CancellationToken) -> Option<Concluded> {
    let no_outcome = match ended {
        Ok(Outcome::Completed) => return Some(completed(run, None)),
        Ok(Outcome::CompletedWith(result)) => return Some(completed(run, Some(result))),
        Ok(Outcome::Committed(_)) => {
            return Some(Concluded { settled: Settled::Committed(run.claim()), word: "completed", problem: None });
        }
        Ok(Outcome::Discard(reason)) => {
            return Some(gave_up(run, EndState::Discarded, FailureKind::Discarded, &reason, &reason));
        }
        // What comes from here on would run again.
        _ if run.stop.is_requested() => return Some(cancelled(run)),
        Ok(Outcome::Snooze(delay)) => return Some(snoozed(run, delay)),
        Ok(Outcome::RetryAfter(delay, reason)) => {
            return Some(failed(run, FailureKind::Error, &reason, Some(delay)));
        }
        Err(error) => match error.downcast::<NoOutcome>() {
            Ok(no_outcome) => *no_outcome,
            Err(other) => NoOutcome::Panicked(other.to_string()),
        },
    };
    match no_outcome {
        NoOutcome::Cancelled if stopping.is_cancelled() => {
            Some(Concluded { settled: Settled::GivenBack(run.claim()), word: "given_back", problem: None })
        }
        NoOutcome::Cancelled => None,
        failure => Some(failed(run, failure.kind(), &failure.to_string(), None)),
    }
}

fn completed(run: &Run, result: Option<serde_json::Value>) -> Concluded {
    let ended = run.ended(EndState::Completed, result.map(checked_result), None, None);
    Concluded { settled: Settled::Ended(ended), word: "completed", problem: None }
}

fn gave_up(run: &Run, state: EndState, failure: FailureKind, message: &str, reason: &str) -> Concluded {
    let error = run.error_entry(failure, message);
    let ended = run.ended(state, None, Some(error), Some(clean(reason)));
    Concluded { settled: Settled::Ended(ended), word: "discarded", problem: Some(message.to_owned()) }
}

fn failed(run: &Run, failure: FailureKind, message: &str, delay: Option<Duration>) -> Concluded {
    if run.is_last_attempt() {
        return gave_up(run, EndState::Failed, failure, message, "attempts used up");
    }
    let delay = delay.unwrap_or_else(|| run.policy.backoff.delay(u32::from(run.attempt.unsigned_abs())));
    let retried = Retried {
        id: run.id,
        claim_id: run.claim_id,
        delay_ms: backoff::millis(delay),
        error: Some(run.error_entry(failure, message)),
    };
    Concluded { settled: Settled::Retried(retried), word: "retried", problem: Some(message.to_owned()) }
}

fn snoozed(run: &Run, delay: Duration) -> Concluded {
    let again = Retried { id: run.id, claim_id: run.claim_id, delay_ms: backoff::millis(delay), error: None };
    Concluded { settled: Settled::Retried(again), word: "snoozed", problem: None }
}

fn cancelled(run: &Run) -> Concluded {
    let error = run.error_entry(FailureKind::Cancelled, REQUESTED);
    let ended = run.ended(EndState::Cancelled, None, Some(error), Some(REQUESTED.to_owned()));
    Concluded { settled: Settled::Ended(ended), word: "cancelled", problem: None }
}

impl Concluded {
    fn count(&self, metrics: &KindMetrics) {
        match self.word {
            "completed" => metrics.completed.increment(1),
            "discarded" => metrics.discarded.increment(1),
            "given_back" => metrics.given_back.increment(1),
            "cancelled" => metrics.cancelled.increment(1),
            "snoozed" => metrics.snoozed.increment(1),
            _ => {
                metrics.retried.increment(1);
                metrics.retries.increment(1);
            }
        }
    }

    /// The one line a job, under a target of its own so that a busy system can
    /// turn it off: `LOG_LEVEL=info,callboard_queue::job=warn`.
    fn log(&self, run: &Run, ran: Duration) {
        let (waited, ran) = (run.waited.as_secs_f64(), ran.as_secs_f64());
        match &self.problem {
            None => tracing::info!(target: "callboard_queue::job", outcome = self.word, waited, ran, "job"),
            Some(problem) => {
                tracing::warn!(target: "callboard_queue::job", outcome = self.word, waited, ran, problem, "job");
            }
        }
    }
}
