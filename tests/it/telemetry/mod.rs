//! Logs and metrics, as the processes give them away.

mod logs;
mod metrics;
