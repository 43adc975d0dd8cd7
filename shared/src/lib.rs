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
//! | [`cache`], [`optional_redis`] | lists kept in Redis, and doing without Redis |
//! | [`telemetry`], [`health`] | logs, metrics, probes |
//! | [`mac`] | HMAC, from which keys and tokens are derived |
//! | [`tls`] | TLS towards other servers |
//! | [`shutdown`], [`ready_file`] | starting and stopping in good order |

pub mod cache;
pub mod config;
pub mod database;
pub mod db;
pub mod domain;
pub mod health;
pub mod jobs;
pub mod mac;
pub mod migrate;
pub mod models;
pub mod optional_redis;
pub mod ready_file;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
