//! How the queue treats payloads and floods.

use std::collections::BTreeMap;

use callboard_queue::{PayloadKeys, is_queue};
use clap::Args;

/// How the queue treats payloads and floods.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Queue")]
pub struct QueueConfig {
    /// Keys for the payloads of encrypted kinds, `name=key` with 32 bytes in
    /// base64 (`openssl rand -base64 32`). The first encrypts, all decrypt:
    /// to rotate, append the new one everywhere, then move it to the front. No
    /// kind of today needs one.
    #[arg(
        long,
        env = "QUEUE_PAYLOAD_KEYS",
        hide_env_values = true,
        default_value = "",
        value_name = "2027=…,2026=…",
        value_parser = payload_keys
    )]
    pub queue_payload_keys: PayloadKeys,

    /// How many jobs may wait on the ready lists of a queue before enqueues are
    /// refused: `mail=100000,reports=1000`. Without Redis there is no limit.
    #[arg(long, env = "QUEUE_DEPTH_LIMITS", default_value = "", value_name = "mail=100000,…", value_parser = depth_limits)]
    pub queue_depth_limits: DepthLimits,
}

/// The depth limits by queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepthLimits(pub BTreeMap<String, u64>);

/// The error never has the value: it is a secret.
fn payload_keys(raw: &str) -> Result<PayloadKeys, String> {
    PayloadKeys::parse(raw).map_err(|error| match error {
        callboard_queue::Error::Setting { problem, .. } => problem,
        other => other.to_string(),
    })
}

fn depth_limits(raw: &str) -> Result<DepthLimits, String> {
    let wanted = || "must be queues with a number from 1, each once, such as mail=100000,reports=1000".to_owned();
    let mut limits = BTreeMap::new();
    for item in raw.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (queue, limit) = item.split_once('=').ok_or_else(wanted)?;
        let limit: u64 = limit.parse().ok().filter(|limit| *limit > 0).ok_or_else(wanted)?;
        if !is_queue(queue) || limits.insert(queue.to_owned(), limit).is_some() {
            return Err(wanted());
        }
    }
    Ok(DepthLimits(limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_name_each_queue_once_and_are_above_zero() {
        assert_eq!(depth_limits("").unwrap(), DepthLimits::default());
        assert_eq!(depth_limits("mail=5, reports=1").unwrap().0.len(), 2);
        for bad in ["mail", "mail=0", "mail=x", "mail=1,mail=2", "Mail=1", "=1", "mail=-1"] {
            assert!(depth_limits(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_being_told() {
        let error = payload_keys("k=hunter2").unwrap_err();
        assert!(error.contains("32 bytes in base64") && !error.contains("hunter2"), "{error}");
    }
}
