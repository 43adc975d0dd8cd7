//! How often a caller may ask.

use clap::Args;

/// Requests that a caller may make. All API processes together allow them.
///
/// An unused allowance may be spent at once; it comes back evenly over its time.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rate limits")]
pub struct LimitsConfig {
    /// Requests a minute of one user, or of one API key.
    #[arg(
        long = "rate-limit-per-minute",
        env = "RATE_LIMIT_PER_MINUTE",
        default_value = "600",
        value_parser = allowance()
    )]
    pub per_minute: u32,

    /// Requests a minute of one address where nobody is logged in; counted apart,
    /// as many API keys that are new here. An IPv6 client's address is its /64.
    #[arg(
        long = "rate-limit-anonymous-per-minute",
        env = "RATE_LIMIT_ANONYMOUS_PER_MINUTE",
        default_value = "120",
        value_parser = allowance()
    )]
    pub anonymous_per_minute: u32,

    /// Attempts a minute to log in to one account; one address may make three
    /// times as many.
    #[arg(
        long = "rate-limit-login-per-minute",
        env = "RATE_LIMIT_LOGIN_PER_MINUTE",
        default_value = "10",
        value_parser = allowance()
    )]
    pub login_per_minute: u32,

    /// Registrations a minute with one email address; one network address may
    /// make three times as many.
    #[arg(
        long = "rate-limit-register-per-minute",
        env = "RATE_LIMIT_REGISTER_PER_MINUTE",
        default_value = "10",
        value_parser = allowance()
    )]
    pub register_per_minute: u32,

    /// Mails an hour that anybody can have sent to one account (password
    /// resets, new verification links); one network address may ask for three
    /// times as many.
    #[arg(
        long = "rate-limit-reset-per-hour",
        env = "RATE_LIMIT_RESET_PER_HOUR",
        default_value = "10",
        value_parser = allowance()
    )]
    pub reset_per_hour: u32,

    /// Renewals a minute of one session; one address may make three times as
    /// many.
    #[arg(
        long = "rate-limit-refresh-per-minute",
        env = "RATE_LIMIT_REFRESH_PER_MINUTE",
        default_value = "20",
        value_parser = allowance()
    )]
    pub refresh_per_minute: u32,
}

/// From 1 to a million: a limit of none would lock everybody out.
fn allowance() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}
