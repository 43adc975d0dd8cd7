//! Mails that anybody can have sent to an address, by typing it: another
//! verification link, a new password.
//!
//! Neither the answer nor its time tells whether the address is known, and
//! nobody's mailbox can be filled.

use std::time::Duration;

use tokio::time::Instant;

/// At most one mail of a kind is sent to one user in this time.
pub const BETWEEN_MAILS: Duration = Duration::from_mins(1);

/// At most [`MAILS_A_DAY`] are sent to one user in this time.
pub const A_DAY: Duration = Duration::from_hours(24);

/// At most this many mails of a kind are sent to one user in a day.
pub const MAILS_A_DAY: i64 = 5;

/// How long every such request takes at least. Far above what a commit takes.
const UNIFORM_TIME: Duration = Duration::from_millis(500);

/// Does `work`, and takes the same time whatever it finds.
pub async fn in_uniform_time<T>(work: impl Future<Output = T>) -> T {
    let until = Instant::now() + UNIFORM_TIME;
    let outcome = work.await;
    tokio::time::sleep_until(until).await;
    outcome
}

/// Whether another mail may be sent to who got that many within
/// [`BETWEEN_MAILS`] and within [`A_DAY`].
#[must_use]
pub const fn is_due(lately: i64, within_a_day: i64) -> bool {
    lately == 0 && within_a_day < MAILS_A_DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_no_time_and_what_takes_some_end_at_the_same_moment() {
        let began = Instant::now();
        in_uniform_time(async {}).await;
        assert_eq!(began.elapsed(), UNIFORM_TIME);
        let began = Instant::now();
        in_uniform_time(tokio::time::sleep(UNIFORM_TIME / 2)).await;
        assert_eq!(began.elapsed(), UNIFORM_TIME);
    }

    #[test]
    fn one_a_minute_and_five_a_day() {
        assert!(is_due(0, 0) && is_due(0, 4));
        assert!(!is_due(1, 1) && !is_due(0, 5));
    }
}
