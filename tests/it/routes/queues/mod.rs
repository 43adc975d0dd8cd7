//! `/api/v1/queues`, `/api/v1/queues/{name}`, and pausing

mod get;
mod pause;
