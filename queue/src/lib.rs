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

mod auditor;
mod backend;
mod backoff;
mod client;
mod error;
mod executor;
mod fetcher;
mod finisher;
mod heartbeat;
mod held;
#[cfg(feature = "internals")]
pub mod internals;
mod janitor;
mod job;
pub mod keys;
mod lease;
mod ledger;
mod lookup;
pub mod metrics;
mod order;
mod outcome;
mod pipeline;
mod priority;
mod promoter;
mod ready_list;
mod reconciler;
mod registry;
mod rescuer;
mod run;
mod runner;
mod settings;
mod transaction;

pub use backoff::Backoff;
pub use client::Queue;
pub use error::Error;
pub use job::{Job, MAX_PAYLOAD_BYTES, MAX_RESULT_BYTES, Policy, Retention, Unique, UniqueScope};
pub use ledger::{enqueue::Enqueued, inspect::JobView};
pub use metrics::Metrics;
pub use outcome::{Failure, Finished, Outcome};
pub use priority::Priority;
pub use registry::{Handler, Registry};
pub use run::Run;
pub use runner::{Readiness, Runner};
pub use settings::{Mode, QueueShare, RunnerSettings};
pub use transaction::{Cause, EnqueueOptions, Transaction, enqueue};
