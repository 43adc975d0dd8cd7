//! How long cached lists are kept.

use std::time::Duration;

use clap::Args;

/// The cache of public lists, in Redis.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cache")]
pub struct CacheConfig {
    /// Longest time that a page of a public list is served from Redis, in
    /// seconds; 0 for not at all. A write through the API ends it at once.
    #[arg(
        long = "list-cache-ttl-seconds",
        env = "LIST_CACHE_TTL_SECONDS",
        default_value = "30",
        value_parser = ttl
    )]
    pub list_ttl: Duration,
}

/// Up to a day: what others write into the tables must show some time.
fn ttl(raw: &str) -> Result<Duration, String> {
    const MOST: u64 = 24 * 60 * 60;
    match raw.parse() {
        Ok(seconds @ 0..=MOST) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("must be a whole number of seconds from 0 to {MOST}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_may_be_off_but_not_forever() {
        assert_eq!(ttl("0"), Ok(Duration::ZERO));
        assert!(ttl("86401").is_err() && ttl("-1").is_err() && ttl("half").is_err());
    }
}
