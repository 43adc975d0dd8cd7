//! Servers that crash, stop and fill up. Each test breaks servers of its own.

mod postgres;
mod processes;
mod redis_server;
