//! What the figures were measured on.

use std::fs;

use crate::stage::{Error, Stage};

/// A few lines about the machine and the servers.
pub(crate) async fn describe(stage: &Stage) -> Result<Vec<String>, Error> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0);
    let postgres: String = sqlx::query_scalar("SHOW server_version").fetch_one(&stage.pool).await?;
    let settings: String = sqlx::query_scalar(
        "SELECT string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name) FROM pg_settings
         WHERE name IN ('fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size')",
    )
    .fetch_one(&stage.pool)
    .await?;
    Ok(vec![
        format!("{model}, {cores} cores, {} GiB, {}", memory / 1024 / 1024, std::env::consts::OS),
        format!("PostgreSQL {postgres} ({settings})"),
        format!("Redis {}", stage.redis_info("redis_version").await?),
        "everything on one machine: PostgreSQL, Redis, the enqueuer and the worker share its cores".to_owned(),
    ])
}
