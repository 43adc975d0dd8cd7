//! How the agency works.

use chrono_tz::Tz;
use clap::Args;

/// How the agency works.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Business")]
pub struct BusinessConfig {
    /// The time zone of the agency, by its name in the IANA database: what
    /// happens at a time of day, as nightly cleaning, goes by it.
    #[arg(long, env = "BUSINESS_TIME_ZONE", default_value = "Asia/Seoul", value_name = "Europe/Berlin")]
    pub business_time_zone: Tz,

    /// For how many days the audit log is kept.
    #[arg(long, env = "AUDIT_LOG_DAYS", default_value = "400", value_parser = clap::value_parser!(u16).range(1..))]
    pub audit_log_days: u16,
}
