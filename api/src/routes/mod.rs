//! The handlers, a file a resource; `router` has their URLs.

pub mod accounts;
pub mod api_keys;
pub mod audit_log;
pub mod auth;
pub mod health;
pub mod hello;
pub mod items;
pub mod jobs;
pub mod problems;
pub mod profiles;
pub mod queues;
pub mod rate_limits;
pub mod schedules;
pub mod users;
pub mod welcome;
pub mod workers;
