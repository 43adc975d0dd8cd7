//! Failed logins slow the next one down, by account and by address.
//!
//! Counted in PostgreSQL, so that it holds for all processes and without Redis.
//! An account's delay stays below a minute, so that no stranger can lock its
//! owner out for long; and who logs in from an address that the owner has been
//! at lately is counted apart from all strangers. Failures before a success are
//! forgiven; those of an address only as far as that account's go, so that one
//! good account does not wash an address clean.
//!
//! While an attempt is blocked, nothing is counted and no password is hashed.
//! From the first delay on, of several attempts at once only one is let in.

use std::{net::IpAddr, time::Duration};

use axum::http::{HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use callboard_shared::{
    db::{
        DbError,
        login_throttles::{self, Admission, Policy, Subject},
        sessions,
    },
    jobs::{Notice, SecurityNotice},
    models::User,
};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tracing::warn;
use uuid::Uuid;

use crate::{
    error::{Code, Problem},
    limits::Limit,
    state::AppState,
    work::Work,
};

const ACCOUNT: Policy = Policy { free: 5, longest: Duration::from_mins(1), forget_after: Duration::from_mins(15) };

const ADDRESS: Policy = Policy { free: 20, longest: Duration::from_mins(15), forget_after: Duration::from_hours(1) };

/// A code is one of a million, and three of them are good: some 30 guesses a day.
/// Only who knows the password gets to guess, so the owner may have to wait.
const SECOND_FACTOR: Policy =
    Policy { free: 5, longest: Duration::from_hours(1), forget_after: Duration::from_hours(24) };

/// From so many failures on, the owner is told: once a day at most.
const NOTICED_FROM: i32 = 10;

/// What somebody tries to get through.
#[derive(Debug, Clone, Copy)]
pub enum Door<'a> {
    /// A login, known or not, as it was typed, and the id of its user if there is one.
    Password(&'a str, Option<Uuid>),
    /// The second factor of a user whose password was right.
    SecondFactor(Uuid),
}

/// An attempt that may be made. Tell how it went.
#[derive(Debug)]
pub struct Attempt {
    account: Counted,
    address: Option<Counted>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    subject: Subject,
    policy: Policy,
    /// The number of failures when this attempt was counted as one in advance.
    reserved: Option<i32>,
}

/// Asks for an attempt from an address.
///
/// # Errors
/// 429 with `Retry-After`: `rate_limited` for too many within a minute, good or
/// bad, `login_throttled` when it comes too early after a failure; 503 while
/// PostgreSQL is out of reach.
pub async fn admit(state: &AppState, ip: Option<IpAddr>, door: Door<'_>) -> Result<Attempt, Problem> {
    let pool = state.queue.pool();
    let address = match ip {
        Some(ip) => Some(Counted::admit(pool, address_subject(ip), ADDRESS).await?),
        None => None,
    };
    let policy = match door {
        Door::Password(..) => ACCOUNT,
        Door::SecondFactor(_) => SECOND_FACTOR,
    };
    let subject = account_subject(pool, ip, door).await?;
    let account = match Counted::admit(pool, subject, policy).await {
        Ok(account) => account,
        Err(problem) => {
            release(pool, address).await;
            return Err(problem);
        }
    };
    // After the blocks: what they refuse uses up nothing of the owner's.
    let attempt = Attempt { account, address };
    match state.limits.admit_account(Limit::Login, &URL_SAFE_NO_PAD.encode(subject)).await {
        Ok(_) => Ok(attempt),
        Err(problem) => {
            attempt.withdrawn(pool).await;
            Err(problem)
        }
    }
}

/// Takes back what was counted in advance.
async fn release(pool: &PgPool, counted: impl IntoIterator<Item = Counted>) {
    for Counted { subject, policy, .. } in counted.into_iter().filter(|counted| counted.reserved.is_some()) {
        if let Err(error) = login_throttles::take_back(pool, &subject, 1, policy).await {
            warn!(%error, "an attempt that was not made stays counted as a failed one");
        }
    }
}

impl Attempt {
    /// Counts the failure, and has the owner told if there were many, once `work`
    /// is committed.
    ///
    /// # Errors
    /// 503 while PostgreSQL is out of reach.
    pub async fn failed(self, work: &mut Work, owner: Option<&User>) -> Result<(), Problem> {
        // Always the address first, so that no two wait for each other's row.
        if let Some(address) = self.address {
            address.count_failure(work).await?;
        }
        let failures = self.account.count_failure(work).await?;
        let Some(owner) = owner.filter(|owner| owner.is_active && failures >= NOTICED_FROM) else {
            return Ok(());
        };
        if login_throttles::may_notice(&mut **work, &self.account.subject).await? {
            let notice = SecurityNotice { user_id: owner.id, notice: Notice::FailedLogins, email: None };
            work.enqueue(&notice).await?;
        }
        Ok(())
    }

    /// Forgives what failed before. Should PostgreSQL be out of reach, that is
    /// left: what the attempt has let in goes on all the same.
    pub async fn succeeded(self, pool: &PgPool) {
        if let Err(error) = self.forgive(pool).await {
            warn!(%error, "failed logins stay counted after one that succeeded");
        }
    }

    /// It was neither right nor wrong: it could not be judged.
    pub async fn withdrawn(self, pool: &PgPool) {
        release(pool, [Some(self.account), self.address].into_iter().flatten()).await;
    }

    async fn forgive(self, pool: &PgPool) -> Result<(), DbError> {
        let forgiven = login_throttles::forgive(pool, &self.account.subject).await?;
        if let Some(address) = self.address {
            // This attempt was counted on either side only if it was reserved there.
            let own = |counted: Counted| i32::from(counted.reserved.is_some());
            let back = (forgiven - own(self.account)).max(0) + own(address);
            if back > 0 {
                login_throttles::take_back(pool, &address.subject, back, ADDRESS).await?;
            }
        }
        Ok(())
    }
}

impl Counted {
    async fn admit(pool: &PgPool, subject: Subject, policy: Policy) -> Result<Self, Problem> {
        let mut conn = pool.acquire().await?;
        match login_throttles::admit(&mut conn, &subject, policy).await? {
            Admission::Free => Ok(Self { subject, policy, reserved: None }),
            Admission::Reserved(failures) => Ok(Self { subject, policy, reserved: Some(failures) }),
            Admission::Blocked(wait) => Err(blocked(wait)),
        }
    }

    async fn count_failure(&self, work: &mut Work) -> Result<i32, DbError> {
        match self.reserved {
            Some(failures) => Ok(failures),
            None => login_throttles::count_failure(&mut **work, &self.subject, self.policy).await,
        }
    }
}

fn blocked(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::new(Code::LoginThrottled).with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
}

async fn account_subject(pool: &PgPool, ip: Option<IpAddr>, door: Door<'_>) -> Result<Subject, DbError> {
    match door {
        Door::SecondFactor(user_id) => Ok(subject("second factor", user_id.as_bytes(), None)),
        Door::Password(login, user_id) => {
            // Asked for unknown logins too, so that both take the same time.
            let is_known_there = match ip {
                Some(ip) => sessions::has_been_at(pool, user_id.unwrap_or_default(), ip).await?,
                None => false,
            };
            let ip = ip.filter(|_| is_known_there);
            // However the login is written, and whether it is the address or the
            // username: the tries are for one account.
            Ok(match user_id {
                Some(user_id) => subject("user", user_id.as_bytes(), ip),
                None => subject("login", login.to_lowercase().as_bytes(), ip),
            })
        }
    }
}

/// The address of a client; of IPv6, the network that one client has.
fn address_subject(ip: IpAddr) -> Subject {
    subject("address", &network(ip), None)
}

fn network(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
    }
}

fn subject(kind: &str, name: &[u8], ip: Option<IpAddr>) -> Subject {
    let mut hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name);
    if let Some(ip) = ip {
        hash.update([0]);
        hash.update(network(ip));
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_one_ipv6_network_are_one() {
        let of = |ip: &str| address_subject(ip.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn part_of_a_second_is_a_second() {
        let problem = blocked(Duration::from_millis(1200));
        let answer = axum::response::IntoResponse::into_response(problem);
        assert_eq!(answer.headers()["retry-after"], "2");
    }
}
