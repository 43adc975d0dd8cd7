//! The password again, before what a stolen session must not do.
//!
//! Who has no password (they log in by a provider, or have not followed their
//! invitation) sets one first, by a link to their address. So there is one rule
//! for everybody, and a stolen session alone is never enough.

use callboard_shared::db::passwords;
use secrecy::SecretString;

use crate::{
    auth::Caller,
    error::{Code, FieldError, Problem, Text},
    extract::RequestInfo,
    services::throttle::{self, Door},
    state::AppState,
    work::Work,
};

const WRONG: Text = Text::fixed("This is not your password.", "현재 비밀번호가 아닙니다.");

/// The problem of a password that is not the caller's.
#[must_use]
pub fn wrong_password() -> Problem {
    Problem::validation(vec![FieldError::field("current_password", "wrong_password", WRONG)])
}

/// Checks the caller's own password, and returns the hash that it belongs to. A
/// wrong one counts as a failed login.
///
/// # Errors
/// 409 for who has no password, 422 for a wrong one, 429 after too many.
pub async fn check_password(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    password: SecretString,
) -> Result<SecretString, Problem> {
    let (pool, user) = (state.queue.pool(), caller.user());
    let login = user.email.as_str();
    let hash = passwords::hash(pool, user.id).await?.ok_or_else(|| Problem::new(Code::PasswordNotSet))?;
    let attempt = throttle::admit(state, info.client_ip(), Door::Password(login, Some(user.id))).await?;
    if state.passwords.verify(password, Some(hash.clone())).await? {
        attempt.succeeded(pool).await;
        return Ok(hash);
    }
    let mut work = Work::by(state, info, caller).await?;
    work.audit("password.refused", ("user", user.id));
    attempt.failed(&mut work, Some(user)).await?;
    work.commit().await?;
    Err(wrong_password())
}
