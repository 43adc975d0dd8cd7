//! Verification of email addresses.

use std::time::Duration;

use callboard_queue::{Cause, Transaction};
use callboard_shared::{
    config::{AuthConfig, TokenKeyConfig},
    db::{
        users,
        verification_tokens::{self, Consumed},
    },
    domain::{Email, VerificationKey, VerificationToken},
    jobs::VerifyAddress,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    app::AppState,
    error::{Code, Problem},
};

/// At most one mail in this time is sent again to one user.
const BETWEEN_MAILS: Duration = Duration::from_mins(1);

/// At most this many mails are sent to one user in a day, the first included.
const MAILS_A_DAY: i64 = 5;
const A_DAY: Duration = Duration::from_hours(24);

/// How long every request for another mail takes at least, so that its time does
/// not tell whether the address is known. Far above what a commit takes.
const UNIFORM_TIME: Duration = Duration::from_millis(500);

/// How verification tokens are made.
#[derive(Debug)]
pub struct Verification {
    key: VerificationKey,
    lifetime: Duration,
}

impl Verification {
    /// Tokens as the settings say.
    #[must_use]
    pub fn new(key: &TokenKeyConfig, auth: &AuthConfig) -> Self {
        Self { key: key.verification_key(), lifetime: auth.verification_token_ttl }
    }

    /// Makes a token for the user and has it mailed, when `tx` commits.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn send(&self, tx: &mut Transaction, user_id: Uuid) -> Result<(), Problem> {
        let token_id = verification_tokens::create(&mut **tx, &self.key, user_id, self.lifetime).await?;
        tx.enqueue(&VerifyAddress { user_id, token_id }).await?;
        Ok(())
    }
}

/// Verifies the address that `token` was mailed to. Doing it again is fine.
///
/// # Errors
/// 400 for a token that is unknown or has expired.
pub async fn verify(state: &AppState, token: &str) -> Result<(), Problem> {
    let token: VerificationToken = token.parse().map_err(|_| Problem::new(Code::TokenInvalid))?;
    let mut tx = state.queue.begin().await?;
    match verification_tokens::consume(&mut tx, &token).await? {
        Consumed::Verified(user_id) => users::mark_email_verified(&mut *tx, user_id).await?,
        Consumed::AlreadyVerified(_) => return Ok(()),
        Consumed::Expired => return Err(Problem::new(Code::TokenExpired)),
        Consumed::Unknown => return Err(Problem::new(Code::TokenInvalid)),
    };
    tx.commit().await?;
    Ok(())
}

/// Sends another mail if the address belongs to an active user who has not
/// verified it, and who got none within the last minute and fewer than five
/// within a day.
///
/// # Errors
/// 503 while PostgreSQL is out of reach, whatever the address.
pub async fn resend(state: &AppState, email: &Email, request_id: &str) -> Result<(), Problem> {
    let until = Instant::now() + UNIFORM_TIME;
    let outcome = resend_if_due(state, email, request_id).await;
    tokio::time::sleep_until(until).await;
    outcome
}

async fn resend_if_due(state: &AppState, email: &Email, request_id: &str) -> Result<(), Problem> {
    let mut tx = state.queue.begin().await?;
    let user = users::find_by_email(&mut *tx, email).await?;
    let Some(user) = user.filter(|user| user.is_active && !user.is_verified()) else {
        return Ok(());
    };
    // Of parallel requests the second waits here, and then sees the first's token.
    users::lock(&mut *tx, user.id).await?;
    let lately = verification_tokens::created_within(&mut *tx, user.id, BETWEEN_MAILS).await?;
    let within_a_day = verification_tokens::created_within(&mut *tx, user.id, A_DAY).await?;
    if lately > 0 || within_a_day >= MAILS_A_DAY {
        return Ok(());
    }
    let mut tx = tx.caused_by(Cause {
        owner: Some(user.id.to_string()),
        request_id: Some(request_id.to_owned()),
        traceparent: None,
    });
    state.verification.send(&mut tx, user.id).await?;
    tx.commit().await?;
    Ok(())
}
