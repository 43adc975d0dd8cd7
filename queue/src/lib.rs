//! A job queue that loses nothing: a ledger in PostgreSQL, a ready list in Redis.
//!
//! 1. **A job is a row in PostgreSQL**, written in the caller's own transaction
//!    ([`Transaction`]). It exists if and only if the transaction committed.
//! 2. **Redis holds only ready lists of ids**, one a queue and priority: a fast
//!    hint of what to run next, never the truth. Losing all of it loses nothing.
//! 3. **A worker owns a job by claiming its row** ([`Runner`]). Leases, retries
//!    and results are the row's state.
//!
//! This crate knows nothing of the application: payloads are types that
//! implement [`Job`], and what runs them are [`Handler`]s over the
//! application's own context. The README has the protocol and a whole example.

mod act;
mod auditor;
mod backend;
mod backoff;
mod backpressure;
mod breaker;
mod cancel;
mod client;
mod encryption;
mod error;
mod executor;
mod fetcher;
mod finisher;
mod flow;
mod heartbeat;
mod held;
#[cfg(feature = "internals")]
pub mod internals;
mod janitor;
mod job;
pub mod keys;
mod kinds;
mod lease;
mod ledger;
mod limit;
mod lookup;
pub mod metrics;
mod new_job;
mod news;
mod order;
mod outcome;
mod overview;
mod pause;
mod pipeline;
mod policy;
mod priority;
mod progress;
mod promoter;
mod ready_list;
mod reconciler;
mod redrive;
mod registry;
mod rescuer;
mod run;
mod runner;
mod sabotage;
mod schedule;
mod scheduler;
mod settings;
mod signals;
mod stop;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod unblock;
mod unique;
mod why;

pub use backoff::Backoff;
pub use client::Queue;
pub use encryption::PayloadKeys;
pub use error::Error;
pub use flow::{Flow, Node};
pub use job::{Job, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH, MAX_RESULT_BYTES};
pub use kinds::Kinds;
pub use lease::DUTIES;
pub use ledger::{
    cancel::Cancellation,
    inspect::{JobState, JobView, UnknownState},
    list::{JobFilter, JobPage},
    overview::{Unaccounted, UnknownKind, WorkerView},
};
pub use limit::{FAIR_WINDOW, Limit};
pub use metrics::Metrics;
pub use new_job::{EnqueueOptions, Enqueued, OnParentFailure};
pub use outcome::{Failure, Finished, Outcome};
pub use overview::{JobCounts, QueueView, Ready};
pub use policy::{Policy, Retention, is_queue};
pub use priority::Priority;
pub use progress::Progress;
pub use registry::{Handler, Registry};
pub use run::Run;
pub use runner::{Readiness, Runner};
pub use schedule::{Misfire, Schedule, ScheduleView};
pub use settings::{Mode, QueueShare, RunnerSettings};
pub use transaction::{Cause, Transaction, enqueue};
pub use unique::{Unique, UniqueScope};
pub use why::{Explanation, Reason};
