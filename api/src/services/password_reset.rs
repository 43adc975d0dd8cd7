//! A new password for who forgot theirs, or never had one, by a link in a mail.

use std::time::Duration;

use callboard_shared::{
    config::{AuthConfig, TokenKeyConfig},
    db::{TokenState, email_change_tokens, password_reset_tokens, passwords, sessions, users},
    domain::{Email, MailKey, MailToken, Password, TokenPurpose},
    jobs::{Notice, ResetPassword, SecurityNotice},
    models::RevokedBecause,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::About,
    error::{Code, Problem},
    extract::RequestInfo,
    limits::Limit,
    services::mail_on_request::{A_DAY, BETWEEN_MAILS, in_uniform_time, is_due},
    state::AppState,
    work::Work,
};

/// How the tokens of reset links are made.
#[derive(Debug)]
pub struct PasswordResets {
    key: MailKey,
    lifetime: Duration,
}

impl PasswordResets {
    /// Tokens as the settings say.
    #[must_use]
    pub fn new(key: &TokenKeyConfig, auth: &AuthConfig) -> Self {
        Self { key: key.mail_key(TokenPurpose::ResetPassword), lifetime: auth.reset_token_ttl }
    }

    /// The key of the tokens, which invitations carry too.
    #[must_use]
    pub fn key(&self) -> &MailKey {
        &self.key
    }
}

/// Has a link mailed that sets a new password, if the address belongs to an
/// active user who got none within the last minute and fewer than five within a
/// day. Whether they have a password does not matter.
///
/// # Errors
/// 429 when the address was asked for too often, 503 while PostgreSQL is out of
/// reach; whatever the address.
pub async fn request(state: &AppState, info: &RequestInfo, email: &Email) -> Result<(), Problem> {
    state.limits.admit_account(Limit::Reset, email.as_str()).await?;
    in_uniform_time(request_if_due(state, info, email)).await
}

async fn request_if_due(state: &AppState, info: &RequestInfo, email: &Email) -> Result<(), Problem> {
    let user = users::find_by_email(state.queue.pool(), email).await?;
    let Some(user) = user.filter(|user| user.is_active) else {
        return Ok(());
    };
    let mut work = Work::begin(state, info).await?.on_behalf_of(user.id);
    // Of parallel requests the second waits here, and then sees the first's token.
    users::lock(&mut *work, user.id).await?;
    let lately = password_reset_tokens::created_within(&mut *work, user.id, BETWEEN_MAILS).await?;
    let within_a_day = password_reset_tokens::created_within(&mut *work, user.id, A_DAY).await?;
    if !is_due(lately, within_a_day) {
        return Ok(());
    }
    let PasswordResets { key, lifetime } = &state.resets;
    let token_id = password_reset_tokens::create(&mut *work, key, user.id, *lifetime).await?;
    work.enqueue(&ResetPassword { user_id: user.id, token_id }).await?;
    work.audit("password.reset_requested", ("user", user.id));
    work.commit().await
}

/// Whose password this token sets; uses nothing up.
///
/// # Errors
/// 400 for a token that is unknown, was used or has expired.
pub async fn look(state: &AppState, token: &str) -> Result<Uuid, Problem> {
    let token = parse(token)?;
    user_of(&password_reset_tokens::find(state.queue.pool(), &token).await?)
}

/// Sets the password of whom the token was mailed to, and ends all that
/// somebody else may have begun: every session, every other open link to the
/// password or to another address. The address is proved by it; a second factor
/// stays, and login goes on asking for it.
///
/// # Errors
/// 400 for a token that is unknown, was used or has expired, 422 for a weak
/// password; the token is still good then.
pub async fn reset(state: &AppState, info: &RequestInfo, token: &str, password: Password) -> Result<(), Problem> {
    let user_id = look(state, token).await?;
    let token = parse(token)?;
    let user = users::find(state.queue.pool(), user_id).await?.ok_or_else(|| Problem::new(Code::ResetTokenInvalid))?;
    let hash = state.passwords.hash(password, About::user(&user)).await?;
    let mut work = Work::begin(state, info).await?.acting_as(user_id);
    users::lock(&mut *work, user_id).await?;
    user_of(&password_reset_tokens::consume(&mut work, &token).await?)?;
    if !passwords::reset(&mut *work, user_id, &hash).await? {
        return Err(Problem::new(Code::ResetTokenInvalid));
    }
    password_reset_tokens::expire_all(&mut *work, user_id).await?;
    email_change_tokens::expire_all(&mut *work, user_id).await?;
    let ended = sessions::revoke_all(&mut *work, user_id, None, RevokedBecause::PasswordReset).await?;
    work.enqueue(&SecurityNotice { user_id, notice: Notice::PasswordReset, email: None }).await?;
    work.audit_with("password.reset", ("user", user_id), json!({ "sessions_ended": ended.len() }));
    work.commit().await?;
    state.identities.forget_user(user_id);
    Ok(())
}

fn parse(token: &str) -> Result<MailToken, Problem> {
    token.parse().map_err(|_| Problem::new(Code::ResetTokenInvalid))
}

fn user_of(state: &TokenState<Uuid>) -> Result<Uuid, Problem> {
    match state {
        TokenState::Good(user_id) => Ok(*user_id),
        TokenState::Expired => Err(Problem::new(Code::ResetTokenExpired)),
        TokenState::Used(_) | TokenState::Unknown => Err(Problem::new(Code::ResetTokenInvalid)),
    }
}
