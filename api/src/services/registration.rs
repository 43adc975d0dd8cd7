//! Registration: user, verification token and mail job, or none of them.

use callboard_shared::{
    db::users::{self, NewUser},
    domain::{Email, Locale, Password, PersonName, Role, Username},
    models::User,
};

use crate::{auth::About, error::Problem, extract::RequestInfo, state::AppState, work::Work};

/// Who registers.
#[derive(Debug)]
pub struct Registration {
    /// The address that the mail goes to.
    pub email: Email,
    /// The password in the clear.
    pub password: Password,
    /// Made from the address when absent.
    pub username: Option<Username>,
    /// The name in full.
    pub full_name: Option<PersonName>,
    /// The language of the mail.
    pub locale: Locale,
}

/// What the password of somebody new must not contain.
pub(super) fn about(email: &Email, username: Option<&Username>, full_name: Option<&PersonName>) -> About {
    let words = [Some(email.local_part()), username.map(Username::as_str), full_name.map(PersonName::as_str)];
    About::words(words.into_iter().flatten())
}

/// Registers, and has the verification mail sent.
///
/// The password is hashed before the transaction begins, so that no connection
/// waits for it. Of parallel registrations of one address one succeeds.
///
/// # Errors
/// 422 for a weak password, 409 when the address or the username is taken, 503
/// while PostgreSQL is out of reach; nothing was written then.
pub async fn register(state: &AppState, info: &RequestInfo, registration: Registration) -> Result<User, Problem> {
    let about = about(&registration.email, registration.username.as_ref(), registration.full_name.as_ref());
    let password_hash = state.passwords.hash(registration.password, about).await?;
    let new = NewUser {
        email: &registration.email,
        username: registration.username.as_ref(),
        password_hash: Some(&password_hash),
        full_name: registration.full_name.as_ref(),
        phone: None,
        locale: registration.locale,
        role: Role::Member,
        is_verified: false,
    };
    let mut work = Work::begin(state, info).await?;
    let user = users::insert(&mut work, &new).await?;
    let mut work = work.acting_as(user.id);
    state.verification.send(&mut work, user.id).await?;
    work.audit("user.registered", ("user", user.id));
    work.commit().await?;
    Ok(user)
}
