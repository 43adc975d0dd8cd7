//! PostgreSQL itself, and the migrations.

use callboard_shared::{
    db::server::{self, Server},
    migrate::{self, State},
};
use chrono::Utc;
use sqlx::PgPool;
use tokio::time::timeout;

use super::{Finding, PATIENCE, Verdict, words};

/// Oldest PostgreSQL, as its own version number.
const OLDEST_POSTGRES: i32 = 150_000;

/// How far the clocks of PostgreSQL and this machine may be apart.
const CLOCK_SKEW: chrono::Duration = chrono::Duration::seconds(2);

/// What is found, and the server if it has the queue's tables as this version
/// knows them.
pub(super) async fn look(pool: &PgPool) -> (Vec<Finding>, Option<Server>) {
    const CONNECTION: &str = "PostgreSQL";
    let server = match timeout(PATIENCE, server::describe(pool)).await {
        Ok(Ok(server)) => server,
        failed => {
            let found = failed.map_or_else(|_| "no answer".to_owned(), |error| words(error.err()));
            let heal = "start it, and check DATABASE_URL";
            return (vec![Finding::new(CONNECTION, Verdict::wrong(heal), found)], None);
        }
    };
    let (migrations, is_current) = migrations(pool).await;
    (vec![version(server), clock(server), migrations], is_current.then_some(server))
}

fn version(server: Server) -> Finding {
    let is_fit = server.version >= OLDEST_POSTGRES;
    let verdict = if is_fit { Verdict::Good } else { Verdict::wrong("upgrade it to 15 or newer") };
    let found = format!("version {}.{}", server.version / 10_000, server.version % 10_000);
    Finding::new("PostgreSQL", verdict, found)
}

fn clock(server: Server) -> Finding {
    let skew = (Utc::now() - server.now).abs();
    let verdict = if skew <= CLOCK_SKEW {
        Verdict::Good
    } else {
        Verdict::risky("keep both machines' clocks in step with NTP; tokens and schedules go by them")
    };
    Finding::new("clocks", verdict, format!("{} ms apart", skew.num_milliseconds()))
}

/// Whether all of this version's are applied is told beside.
async fn migrations(pool: &PgPool) -> (Finding, bool) {
    const WHAT: &str = "migrations";
    let entries = match migrate::status(pool).await {
        Ok(entries) => entries,
        Err(error) => {
            let heal = "the user of DATABASE_URL must own the database";
            return (Finding::new(WHAT, Verdict::wrong(heal), error.to_string()), false);
        }
    };
    let count = |state: State| entries.iter().filter(|entry| entry.state == state).count();
    let (pending, changed, unknown) = (count(State::Pending), count(State::Changed), count(State::Unknown));
    let verdict = match (pending, changed, unknown) {
        (0, 0, 0) => Verdict::Good,
        (_, 1.., _) => Verdict::wrong("a migration was edited after it was applied; bring its file back"),
        (1.., _, _) => Verdict::wrong("run `callboard-api migrate up`"),
        _ => Verdict::risky("a newer version has migrated this database; upgrade this one"),
    };
    let found = format!("{} applied, {pending} pending, {changed} changed, {unknown} unknown", count(State::Applied));
    (Finding::new(WHAT, verdict, found), pending == 0)
}
