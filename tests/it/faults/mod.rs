//! Servers that crash, stop, refuse and fill up. Each test breaks servers of its own.

mod busy;
mod hampered;
mod http;
mod killed;
mod poison;
mod postgres;
mod postgres_refuses;
mod processes;
mod programs;
mod rate_limits;
mod redis_refuses;
mod redis_server;
mod redis_stale;
mod sabotage;
