//! The limits of the settings.

use std::{num::NonZeroU32, time::Duration};

use callboard_shared::config::LimitsConfig;

use super::{Limit, Subject};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// How many times as much an address may do as an account: several people may
/// share one.
const PEOPLE_AN_ADDRESS: u32 = 3;

/// A share is at most this part of the whole allowance.
const SHARES: u32 = 20;

/// How many requests, in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The name that clients see.
    pub name: &'static str,
    /// How many requests in the window.
    pub quota: NonZeroU32,
    /// The time in which a spent allowance has come back.
    pub window: Duration,
}

impl Policy {
    fn new(name: &'static str, quota: u32, window: Duration) -> Self {
        Self { name, quota: NonZeroU32::new(quota).unwrap_or(NonZeroU32::MIN), window }
    }

    /// The time in which one request comes back.
    #[must_use]
    pub(super) fn interval(&self) -> Duration {
        self.window / self.quota.get()
    }

    /// Most requests that a process may reserve at once.
    #[must_use]
    pub(super) fn largest_share(&self) -> u32 {
        (self.quota.get() / SHARES).max(1)
    }
}

/// A limit that is counted by account and by address.
#[derive(Debug)]
struct Pair {
    account: Policy,
    address: Policy,
}

impl Pair {
    fn new(account: &'static str, address: &'static str, quota: u32, window: Duration) -> Self {
        Self {
            account: Policy::new(account, quota, window),
            address: Policy::new(address, quota.saturating_mul(PEOPLE_AN_ADDRESS), window),
        }
    }

    fn of(&self, subject: &Subject<'_>) -> &Policy {
        match subject {
            Subject::Account(_) | Subject::Principal(_) => &self.account,
            Subject::Address(_) => &self.address,
        }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Policies {
    general: Policy,
    anonymous: Policy,
    strange_key: Policy,
    login: Pair,
    register: Pair,
    reset: Pair,
    refresh: Pair,
}

impl Policies {
    pub(super) fn new(config: &LimitsConfig) -> Self {
        Self {
            general: Policy::new("general", config.per_minute, MINUTE),
            anonymous: Policy::new("anonymous", config.anonymous_per_minute, MINUTE),
            strange_key: Policy::new("strange-key", config.anonymous_per_minute, MINUTE),
            login: Pair::new("login-account", "login", config.login_per_minute, MINUTE),
            register: Pair::new("register-account", "register", config.register_per_minute, MINUTE),
            reset: Pair::new("reset-account", "reset", config.reset_per_hour, HOUR),
            refresh: Pair::new("refresh-session", "refresh", config.refresh_per_minute, MINUTE),
        }
    }

    /// The policy for this subject, if there is a limit at all.
    pub(super) fn of(&self, limit: Limit, subject: &Subject<'_>) -> Option<&Policy> {
        match (limit, subject) {
            (Limit::Free, _) => None,
            (Limit::General, Subject::Address(_)) => Some(&self.anonymous),
            (Limit::General, _) => Some(&self.general),
            (Limit::StrangeKey, _) => Some(&self.strange_key),
            (Limit::Login, _) => Some(self.login.of(subject)),
            (Limit::Register, _) => Some(self.register.of(subject)),
            (Limit::Reset, _) => Some(self.reset.of(subject)),
            (Limit::Refresh, _) => Some(self.refresh.of(subject)),
        }
    }
}

#[cfg(test)]
pub(super) fn policy_of(quota: u32, window: Duration) -> Policy {
    Policy::new("test", quota, window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_small_part_and_never_nothing() {
        assert_eq!(policy_of(600, MINUTE).largest_share(), 30);
        assert_eq!(policy_of(19, MINUTE).largest_share(), 1);
        assert_eq!(policy_of(1, HOUR).largest_share(), 1);
    }
}
