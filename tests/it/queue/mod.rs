//! What the queue promises, over real servers: a test for each promise.

mod auditor;
mod claim;
mod complete_in;
mod delayed;
mod drain;
mod enqueue;
mod history;
mod idle;
mod metrics;
mod order;
mod outcome;
mod parking;
mod plans;
mod protocol;
mod ready_list;
mod reconcile;
mod rescue;
mod retry;
mod statements;
mod unique;
