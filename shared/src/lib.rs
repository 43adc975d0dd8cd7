//! What the API and the worker share: settings, values, entities, the SQL of
//! their tables, the payloads of jobs, and the plumbing of a process.
//!
//! | module | what |
//! |---|---|
//! | [`config`] | settings, one struct a concern |
//! | [`domain`] | values that can't be bad |
//! | [`models`] | entities as the database returns them |
//! | [`db`] | all SQL, a file a table |
//! | [`jobs`] | payload and policy of each kind of job |
//! | [`database`], [`migrate`] | the pool, and the versions of the schema |
//! | [`telemetry`], [`health`] | logs, metrics, probes |
//! | [`shutdown`], [`ready_file`] | starting and stopping in good order |

pub mod config;
pub mod database;
pub mod db;
pub mod domain;
pub mod health;
pub mod jobs;
pub mod migrate;
pub mod models;
pub mod ready_file;
pub mod shutdown;
pub mod telemetry;
