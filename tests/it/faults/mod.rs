//! Servers that crash, stop and fill up. Each test breaks servers of its own.

mod http;
mod poison;
mod postgres;
mod processes;
mod rate_limits;
mod redis_server;
mod sabotage;
