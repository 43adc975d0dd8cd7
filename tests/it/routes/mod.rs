//! Routes, one folder a path and one file a verb; and what holds for all of them.

mod accept;
mod accounts;
mod api_keys;
mod audit_log;
mod auth;
mod bodies;
mod docs;
mod health;
mod hello;
mod http;
mod items;
mod jobs;
mod limits;
mod methods;
mod openapi;
mod operations;
mod overload;
mod parameters;
mod problems;
mod profiles;
mod queues;
mod rate_limits;
mod schedules;
mod users;
mod welcome;
mod workers;
