//! Login by email address or username, and password.

use axum::http::HeaderMap;
use callboard_shared::{
    db::{passwords, totp_credentials},
    models::{Credentials, User},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    sessions::{self, Tokens},
    throttle::{self, Attempt, Door},
};
use crate::{
    auth::Passwords,
    error::{Code, Problem},
    extract::RequestInfo,
    state::AppState,
    work::Work,
};

/// Logs in, if `login` and `password` belong together and the user is active.
///
/// Unknown, wrong and disabled take the same work and get the same answer.
///
/// # Errors
/// 401 `invalid_credentials` when they don't belong together, 401
/// `totp_required` with an `mfa_token` when they do and the user has a second
/// factor, 429 when it was tried too often, 503 while PostgreSQL is out of reach.
pub async fn log_in(
    state: &AppState,
    info: &RequestInfo,
    headers: &HeaderMap,
    login: &str,
    password: SecretString,
) -> Result<Tokens, Problem> {
    let pool = state.queue.pool();
    let found = passwords::credentials_by_login(pool, login).await?;
    let door = Door::Password(login, found.as_ref().map(|found| found.user.id));
    let attempt = throttle::admit(state, info.client_ip(), door).await?;
    let hash = found.as_ref().and_then(|found| found.password_hash.clone());
    let is_right = match state.passwords.verify(password.clone(), hash).await {
        Ok(is_right) => is_right,
        Err(problem) => {
            attempt.withdrawn(pool).await;
            return Err(problem.into());
        }
    };
    match found {
        Some(found) if is_right && found.user.is_active => {
            attempt.succeeded(pool).await;
            proceed(state, info, headers, found, password).await
        }
        found => Err(refuse(state, info, attempt, found.map(|found| found.user)).await?),
    }
}

/// What comes after the right password: the second factor, or the session.
async fn proceed(
    state: &AppState,
    info: &RequestInfo,
    headers: &HeaderMap,
    found: Credentials,
    password: SecretString,
) -> Result<Tokens, Problem> {
    let (pool, id) = (state.queue.pool(), found.user.id);
    let refused = || Problem::new(Code::InvalidCredentials);
    let mut checked = found.password_hash.ok_or_else(refused)?;
    if Passwords::needs_rehash(&checked) {
        let new = state.passwords.rehash(password.clone()).await?;
        checked = if passwords::change(pool, id, &checked, &new).await? {
            new
        } else {
            // Another login was quicker, or the password is another now.
            let present = passwords::hash(pool, id).await?.ok_or_else(refused)?;
            if !state.passwords.verify(password, Some(present.clone())).await? {
                return Err(refused());
            }
            present
        };
    }
    if totp_credentials::is_enabled(pool, id).await? {
        let token = state.tokens.issue_mfa(id, Some(&checked)).map_err(Problem::internal)?;
        let token = Value::from(token.expose_secret());
        return Err(Problem::new(Code::TotpRequired).with_member("mfa_token", token));
    }
    let mut work = Work::begin(state, info).await?.acting_as(id);
    // A reset in the meantime has ended all sessions, and this is to be none after it.
    if !passwords::still_holds(&mut *work, id, &checked).await? {
        return Err(refused());
    }
    let tokens = sessions::start(state, &mut work, id, info, headers).await?;
    work.commit().await?;
    Ok(tokens)
}

/// Counts and notes a failed login; returns what to answer.
async fn refuse(
    state: &AppState,
    info: &RequestInfo,
    attempt: Attempt,
    user: Option<User>,
) -> Result<Problem, Problem> {
    let mut work = Work::begin(state, info).await?;
    work.audit("login.failed", user.as_ref().map(|user| ("user", user.id)));
    attempt.failed(&mut work, user.as_ref()).await?;
    work.commit().await?;
    Ok(Problem::new(Code::InvalidCredentials))
}
