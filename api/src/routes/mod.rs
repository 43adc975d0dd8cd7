//! The handlers, a file a resource; `router` has their URLs.

pub mod auth;
pub mod health;
pub mod hello;
pub mod jobs;
pub mod problems;
pub mod welcome;
