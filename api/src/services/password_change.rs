//! Another password, by who knows the old one.

use callboard_shared::{
    db::{email_change_tokens, password_reset_tokens, passwords, sessions},
    domain::Password,
    jobs::{Notice, SecurityNotice},
    models::RevokedBecause,
};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    auth::{About, Caller, PasswordError},
    error::{FieldError, Problem},
    extract::RequestInfo,
    services::reauthentication::{check_password, wrong_password},
    state::AppState,
    work::Work,
};

/// Gives the caller another password, and ends all that somebody else may have
/// begun: every other session, every open link to the password or to another
/// address. The caller's own session goes on.
///
/// # Errors
/// 409 for who has no password, 422 for a wrong or a weak one, 429 after too
/// many wrong ones.
pub async fn change(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    current: SecretString,
    new: Password,
) -> Result<(), Problem> {
    let checked = check_password(state, info, caller, current).await?;
    let hash = state.passwords.hash(new, About::user(caller.user())).await.map_err(of_new_password)?;
    let user_id = caller.user_id();
    let mut work = Work::by(state, info, caller).await?;
    // Not when the password was reset since it was checked: its owner did that.
    if !passwords::change(&mut *work, user_id, &checked, &hash).await? {
        return Err(wrong_password());
    }
    password_reset_tokens::expire_all(&mut *work, user_id).await?;
    email_change_tokens::expire_all(&mut *work, user_id).await?;
    let but = caller.session_id();
    let ended = sessions::revoke_all(&mut *work, user_id, but, RevokedBecause::PasswordChanged).await?;
    work.enqueue(&SecurityNotice { user_id, notice: Notice::PasswordChanged, email: None }).await?;
    work.audit_with("password.changed", ("user", user_id), json!({ "sessions_ended": ended.len() }));
    work.commit().await?;
    state.identities.forget_user(user_id);
    Ok(())
}

/// A weak password stands in `new_password` here.
fn of_new_password(error: PasswordError) -> Problem {
    match error {
        PasswordError::Weak(reason) => {
            Problem::validation(vec![FieldError::field("new_password", reason.code, reason.detail)])
        }
        other => other.into(),
    }
}
