//! `maintenance.prune_*`: what has had its time is deleted, a kind a table or
//! some that belong together. The schedules are the worker's.

use std::time::Duration;

use callboard_queue::{Job, Priority, Unique};
use serde::{Deserialize, Serialize};

/// The queue of what keeps the installation tidy.
pub const MAINTENANCE_QUEUE: &str = "maintenance";

macro_rules! prune {
    ($($(#[$doc:meta])* $name:ident $kind:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {}

            impl Job for $name {
                const KIND: &'static str = $kind;
                const QUEUE: &'static str = MAINTENANCE_QUEUE;
                const PRIORITY: Priority = Priority::Low;
                const MAX_ATTEMPTS: i16 = 5;
                const TIMEOUT: Duration = Duration::from_mins(30);

                // However many ticks have passed, one run sees to them all.
                fn unique(&self) -> Option<Unique> {
                    Some(Unique::until_started("all"))
                }
            }
        )*
    };
}

prune! {
    /// Deletes API keys that expired a month ago.
    PruneApiKeys "maintenance.prune_api_keys";
    /// Deletes lines of the audit log that are older than `AUDIT_LOG_DAYS`.
    PruneAuditLog "maintenance.prune_audit_log";
    /// Deletes the answers of idempotency keys that have expired.
    PruneIdempotencyKeys "maintenance.prune_idempotency_keys";
    /// Deletes sessions that ended a week ago, refresh tokens that were used a
    /// month ago, and counts of failed logins that are two days old.
    PruneSessions "maintenance.prune_sessions";
    /// Deletes the tokens of mails that expired a day ago.
    PruneTokens "maintenance.prune_tokens";
}
