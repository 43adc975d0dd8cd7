//! The pool of connections to PostgreSQL.
//!
//! Nothing here or in any statement sets state of a session, so that a pooler
//! in transaction mode may stand between: no `SET` without `LOCAL`, no session
//! locks, no `LISTEN`. What a connection needs is part of its start-up packet.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};
use tracing::{debug, trace};

use crate::config::DatabaseConfig;

/// A connection that was idle for longer is asked whether it still lives before
/// it is used. Asking always would cost every request a round trip; never
/// asking would hand each caller after a restart of PostgreSQL a dead one.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Waiting so long for a connection is worth a line in the log.
const SLOW_ACQUIRE: Duration = Duration::from_secs(1);

/// A pool of connections, none of which is opened yet: a process starts in the
/// same time whether or not PostgreSQL is there. `name` is what PostgreSQL
/// shows as `application_name`.
///
/// The life of connections is logged under `callboard_shared::database`:
/// opening at debug, taking and giving back at trace.
#[must_use]
pub fn connect(config: &DatabaseConfig, name: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(config.pool_max)
        .min_connections(config.pool_min)
        .acquire_timeout(config.acquire_timeout)
        .acquire_slow_threshold(SLOW_ACQUIRE)
        .idle_timeout(config.idle_timeout)
        .max_lifetime(config.max_lifetime)
        .test_before_acquire(false)
        .after_connect(|_connection, _metadata| {
            Box::pin(async {
                debug!("connected to PostgreSQL");
                Ok(())
            })
        })
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                trace!(age = ?metadata.age, idle_for = ?metadata.idle_for, "connection taken");
                if metadata.idle_for < TRUSTED_FOR {
                    return Ok(true);
                }
                let answered = connection.ping().await;
                if let Err(error) = &answered {
                    debug!(%error, "connection was dead and is replaced");
                }
                Ok(answered.is_ok())
            })
        })
        .after_release(|_connection, metadata| {
            Box::pin(async move {
                trace!(age = ?metadata.age, "connection given back");
                Ok(true)
            })
        })
        .connect_lazy_with(options(config, name))
}

/// A pool of one connection for the probes of a process, opened when it is first
/// asked. A process whose handlers hold all connections of their pool is busy;
/// with one of their own, its probes don't take that for a dead database. The
/// pool pings the connection before it hands it out, and replaces a dead one.
#[must_use]
pub fn probe(config: &DatabaseConfig, name: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(config.acquire_timeout)
        .idle_timeout(config.idle_timeout)
        .max_lifetime(config.max_lifetime)
        .test_before_acquire(true)
        .connect_lazy_with(options(config, name))
}

fn options(config: &DatabaseConfig, name: &str) -> PgConnectOptions {
    config
        .database_url
        .options()
        .application_name(name)
        .statement_cache_capacity(config.statement_cache)
        // PgBouncer refuses this start-up parameter; the server's default is exact.
        .extra_float_digits(None)
}
