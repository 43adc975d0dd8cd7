//! Login by email address or username.

use callboard_shared::{db::users, models::User};
use secrecy::SecretString;

use crate::{
    app::AppState,
    error::{Code, Problem},
};

/// The active user whom `login` and `password` belong to.
///
/// Unknown, wrong and disabled take the same work and get the same answer.
///
/// # Errors
/// 401 when they don't belong together, 503 while PostgreSQL is out of reach.
pub async fn authenticate(state: &AppState, login: &str, password: SecretString) -> Result<User, Problem> {
    let found = users::credentials_by_login(state.queue.pool(), login).await?;
    let hash = found.as_ref().map(|found| found.password_hash.clone());
    let is_right = state.passwords.verify(password, hash).await?;
    found
        .map(|found| found.user)
        .filter(|user| is_right && user.is_active)
        .ok_or_else(|| Problem::new(Code::InvalidCredentials))
}
