//! Routes, one folder a path and one file a verb; and what holds for all of them.

mod auth;
mod bodies;
mod docs;
mod health;
mod hello;
mod http;
mod jobs;
mod limits;
mod methods;
mod openapi;
mod operations;
mod parameters;
mod problems;
mod welcome;
