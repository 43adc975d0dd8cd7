//! `callboard-api doctor`.

use std::{process::ExitCode, time::Duration};

use callboard_shared::{
    config::{DatabaseConfig, Findings, RedisConfig},
    database,
    db::server::{self, Server},
    migrate::{self, State},
};
use chrono::Utc;
use clap::Args;
use sqlx::PgPool;
use tokio::time::timeout;

use super::{Outcome, say};

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Oldest PostgreSQL, as its own version number.
const OLDEST_POSTGRES: i32 = 150_000;

/// Oldest Redis (or Valkey, which counts on from it).
const OLDEST_REDIS: u32 = 7;

/// How far the clocks of PostgreSQL and this machine may be apart.
const CLOCK_SKEW: chrono::Duration = chrono::Duration::seconds(2);

/// Looks at PostgreSQL and Redis, and says what is wrong and how to heal it.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    redis: RedisConfig,
}

/// What was found about one thing.
struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
}

enum Verdict {
    Good,
    /// Works, with this advice.
    Risky(&'static str),
    /// Does not work, until this is done.
    Wrong(&'static str),
}

impl Doctor {
    pub(super) fn check(&self, findings: &mut Findings) {
        self.database.check(findings);
    }

    pub(super) async fn run(self) -> Outcome {
        let pool = database::connect(&self.database, "callboard-api doctor");
        let mut findings = postgres(&pool).await;
        findings.extend(redis(&self.redis).await);
        let mut is_well = true;
        for finding in &findings {
            is_well &= !matches!(finding.verdict, Verdict::Wrong(_));
            say(&finding.line())?;
        }
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Finding {
    fn new(what: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { what, verdict, found: found.into() }
    }

    fn line(&self) -> String {
        let (mark, heal) = match self.verdict {
            Verdict::Good => ("ok", None),
            Verdict::Risky(heal) => ("risky", Some(heal)),
            Verdict::Wrong(heal) => ("WRONG", Some(heal)),
        };
        let line = format!("{mark:<6} {:<18} {}", self.what, self.found);
        heal.map_or(line.clone(), |heal| format!("{line}\n{:25} → {heal}", ""))
    }
}

async fn postgres(pool: &PgPool) -> Vec<Finding> {
    const CONNECTION: &str = "PostgreSQL";
    let server = match timeout(PATIENCE, server::describe(pool)).await {
        Ok(Ok(server)) => server,
        failed => {
            let found = failed.map_or_else(|_| "no answer".to_owned(), |error| words(error.err()));
            let heal = "start it, and check DATABASE_URL";
            return vec![Finding::new(CONNECTION, Verdict::Wrong(heal), found)];
        }
    };
    vec![version(server), clock(server), migrations(pool).await]
}

fn version(server: Server) -> Finding {
    let is_fit = server.version >= OLDEST_POSTGRES;
    let verdict = if is_fit { Verdict::Good } else { Verdict::Wrong("upgrade it to 15 or newer") };
    let found = format!("version {}.{}", server.version / 10_000, server.version % 10_000);
    Finding::new("PostgreSQL", verdict, found)
}

fn clock(server: Server) -> Finding {
    let skew = (Utc::now() - server.now).abs();
    let verdict = if skew <= CLOCK_SKEW {
        Verdict::Good
    } else {
        Verdict::Risky("keep both machines' clocks in step with NTP; tokens and schedules go by them")
    };
    Finding::new("clocks", verdict, format!("{} ms apart", skew.num_milliseconds()))
}

async fn migrations(pool: &PgPool) -> Finding {
    const WHAT: &str = "migrations";
    let entries = match migrate::status(pool).await {
        Ok(entries) => entries,
        Err(error) => {
            let heal = "the user of DATABASE_URL must own the database";
            return Finding::new(WHAT, Verdict::Wrong(heal), error.to_string());
        }
    };
    let count = |state: State| entries.iter().filter(|entry| entry.state == state).count();
    let (pending, changed, unknown) = (count(State::Pending), count(State::Changed), count(State::Unknown));
    let verdict = match (pending, changed, unknown) {
        (0, 0, 0) => Verdict::Good,
        (_, 1.., _) => Verdict::Wrong("a migration was edited after it was applied; bring its file back"),
        (1.., _, _) => Verdict::Wrong("run `callboard-api migrate up`"),
        _ => Verdict::Risky("a newer version has migrated this database; upgrade this one"),
    };
    let found = format!("{} applied, {pending} pending, {changed} changed, {unknown} unknown", count(State::Applied));
    Finding::new(WHAT, verdict, found)
}

async fn redis(settings: &RedisConfig) -> Vec<Finding> {
    match timeout(PATIENCE, redis_info(settings)).await {
        Ok(Ok(info)) => vec![redis_version(&info), eviction(&info), persistence(&info)],
        failed => {
            let found = failed.map_or_else(|_| "no answer".to_owned(), |error| words(error.err()));
            let heal = "start it, and check REDIS_URL; until then jobs wait, and none is lost";
            vec![Finding::new("Redis", Verdict::Wrong(heal), found)]
        }
    }
}

async fn redis_info(settings: &RedisConfig) -> redis::RedisResult<redis::InfoDict> {
    let client = redis::Client::open(settings.redis_url.expose())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("INFO").query_async(&mut connection).await
}

fn redis_version(info: &redis::InfoDict) -> Finding {
    let version: String = info.get("redis_version").unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let verdict = if major >= Some(OLDEST_REDIS) { Verdict::Good } else { Verdict::Wrong("upgrade it to 7 or newer") };
    Finding::new("Redis", verdict, format!("version {version}"))
}

fn eviction(info: &redis::InfoDict) -> Finding {
    let policy: String = info.get("maxmemory_policy").unwrap_or_default();
    let verdict = if policy == "noeviction" {
        Verdict::Good
    } else {
        Verdict::Risky("set maxmemory-policy noeviction; evicted ready lists delay jobs until the auditor finds them")
    };
    Finding::new("Redis eviction", verdict, policy)
}

fn persistence(info: &redis::InfoDict) -> Finding {
    let has_aof = info.get::<u8>("aof_enabled") == Some(1);
    let (verdict, found) = if has_aof {
        (Verdict::Good, "append-only file")
    } else {
        (
            Verdict::Risky("set appendonly yes; without it a restart delays jobs until the auditor finds them"),
            "no append-only file",
        )
    };
    Finding::new("Redis persistence", verdict, found)
}

fn words(error: Option<impl std::fmt::Display>) -> String {
    error.map_or_else(|| "no answer".to_owned(), |error| error.to_string())
}
