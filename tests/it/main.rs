//! The integration tests: one binary, modules as the product has areas.
#![allow(missing_docs, reason = "a test's name says what it tests")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod authorization;
mod cli;
mod db;
mod docs;
mod faults;
mod jobs;
mod journey;
mod queue;
mod routes;
mod security;
mod telemetry;
