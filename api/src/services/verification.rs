//! Verification of email addresses.

use std::time::Duration;

use callboard_shared::{
    config::{AuthConfig, TokenKeyConfig},
    db::{TokenState, users, verification_tokens},
    domain::{Email, MailKey, MailToken, TokenPurpose},
    jobs::VerifyAddress,
};
use uuid::Uuid;

use crate::{
    error::{Code, Problem},
    extract::RequestInfo,
    services::mail_on_request::{A_DAY, BETWEEN_MAILS, in_uniform_time, is_due},
    state::AppState,
    work::Work,
};

/// How verification tokens are made.
#[derive(Debug)]
pub struct Verification {
    key: MailKey,
    lifetime: Duration,
}

impl Verification {
    /// Tokens as the settings say.
    #[must_use]
    pub fn new(key: &TokenKeyConfig, auth: &AuthConfig) -> Self {
        Self { key: key.mail_key(TokenPurpose::VerifyEmail), lifetime: auth.verification_token_ttl }
    }

    /// Makes a token for the user and has it mailed, when the work commits.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn send(&self, work: &mut Work, user_id: Uuid) -> Result<(), Problem> {
        let token_id = verification_tokens::create(&mut **work, &self.key, user_id, self.lifetime).await?;
        work.enqueue(&VerifyAddress { user_id, token_id }).await?;
        Ok(())
    }
}

/// Verifies the address that `token` was mailed to. Doing it again is fine.
///
/// # Errors
/// 400 for a token that is unknown or has expired.
pub async fn verify(state: &AppState, info: &RequestInfo, token: &str) -> Result<(), Problem> {
    let token: MailToken = token.parse().map_err(|_| Problem::new(Code::TokenInvalid))?;
    let mut work = Work::begin(state, info).await?;
    let user_id = match verification_tokens::consume(&mut work, &token).await? {
        TokenState::Good(user_id) => user_id,
        TokenState::Used(_) => return Ok(()),
        TokenState::Expired => return Err(Problem::new(Code::TokenExpired)),
        TokenState::Unknown => return Err(Problem::new(Code::TokenInvalid)),
    };
    let mut work = work.acting_as(user_id);
    if users::mark_email_verified(&mut *work, user_id).await? {
        work.audit("email.verified", ("user", user_id));
    }
    work.commit().await?;
    // Who waited for it may write from now on.
    state.identities.forget_user(user_id);
    Ok(())
}

/// Sends another mail if the address belongs to an active user who has not
/// verified it, and who got none within the last minute and fewer than five
/// within a day.
///
/// # Errors
/// 503 while PostgreSQL is out of reach, whatever the address.
pub async fn resend(state: &AppState, info: &RequestInfo, email: &Email) -> Result<(), Problem> {
    in_uniform_time(resend_if_due(state, info, email)).await
}

async fn resend_if_due(state: &AppState, info: &RequestInfo, email: &Email) -> Result<(), Problem> {
    let user = users::find_by_email(state.queue.pool(), email).await?;
    let Some(user) = user.filter(|user| user.is_active && !user.is_verified()) else {
        return Ok(());
    };
    let mut work = Work::begin(state, info).await?.on_behalf_of(user.id);
    // Of parallel requests the second waits here, and then sees the first's token.
    users::lock(&mut *work, user.id).await?;
    let lately = verification_tokens::created_within(&mut *work, user.id, BETWEEN_MAILS).await?;
    let within_a_day = verification_tokens::created_within(&mut *work, user.id, A_DAY).await?;
    if !is_due(lately, within_a_day) {
        return Ok(());
    }
    state.verification.send(&mut work, user.id).await?;
    work.commit().await
}
