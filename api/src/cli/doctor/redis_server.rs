//! Redis itself.

use callboard_shared::config::RedisConfig;
use tokio::time::timeout;

use super::{Finding, PATIENCE, Verdict, words};

/// Oldest Redis (or Valkey, which counts on from it).
const OLDEST_REDIS: u32 = 7;

/// What is found.
pub(super) async fn look(settings: &RedisConfig) -> Vec<Finding> {
    match timeout(PATIENCE, redis_info(settings)).await {
        Ok(Ok(info)) => vec![redis_version(&info), eviction(&info), persistence(&info)],
        failed => {
            let found = failed.map_or_else(|_| "no answer".to_owned(), |error| words(error.err()));
            let heal = "start it, and check REDIS_URL; until then jobs wait, and none is lost";
            vec![Finding::new("Redis", Verdict::wrong(heal), found)]
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
    let verdict = if major >= Some(OLDEST_REDIS) { Verdict::Good } else { Verdict::wrong("upgrade it to 7 or newer") };
    Finding::new("Redis", verdict, format!("version {version}"))
}

fn eviction(info: &redis::InfoDict) -> Finding {
    let policy: String = info.get("maxmemory_policy").unwrap_or_default();
    let verdict = if policy == "noeviction" {
        Verdict::Good
    } else {
        Verdict::risky("set maxmemory-policy noeviction; evicted ready lists delay jobs until the auditor finds them")
    };
    Finding::new("Redis eviction", verdict, policy)
}

fn persistence(info: &redis::InfoDict) -> Finding {
    let has_aof = info.get::<u8>("aof_enabled") == Some(1);
    let (verdict, found) = if has_aof {
        (Verdict::Good, "append-only file")
    } else {
        (
            Verdict::risky("set appendonly yes; without it a restart delays jobs until the auditor finds them"),
            "no append-only file",
        )
    };
    Finding::new("Redis persistence", verdict, found)
}
