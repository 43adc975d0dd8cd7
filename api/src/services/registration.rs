//! Registration: user, verification token and mail job, or none of them.

use callboard_queue::Cause;
use callboard_shared::{
    db::users::{self, NewUser},
    domain::{Email, Locale, Password, PersonName, Role, Username},
    models::User,
};

use crate::{app::AppState, auth::About, error::Problem};

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

impl Registration {
    /// What the password must not contain.
    fn about(&self) -> About {
        let username = self.username.as_ref().map(Username::as_str);
        let full_name = self.full_name.as_ref().map(PersonName::as_str);
        let words = [Some(self.email.local_part()), username, full_name];
        About::words(words.into_iter().flatten())
    }
}

/// Registers, and has the verification mail sent.
///
/// The password is hashed before the transaction begins, so that no connection
/// waits for it. Of parallel registrations of one address one succeeds.
///
/// # Errors
/// 422 for a weak password, 409 when the address or the username is taken, 503
/// while PostgreSQL is out of reach; nothing was written then.
pub async fn register(state: &AppState, registration: Registration, request_id: &str) -> Result<User, Problem> {
    let about = registration.about();
    let password_hash = state.passwords.hash(registration.password, about).await?;
    let new = NewUser {
        email: &registration.email,
        username: registration.username.as_ref(),
        password_hash: &password_hash,
        full_name: registration.full_name.as_ref(),
        locale: registration.locale,
        role: Role::Member,
        is_verified: false,
    };
    let mut tx = state.queue.begin().await?;
    let user = users::insert(&mut tx, &new).await?;
    let mut tx = tx.caused_by(Cause {
        owner: Some(user.id.to_string()),
        request_id: Some(request_id.to_owned()),
        traceparent: None,
    });
    state.verification.send(&mut tx, user.id).await?;
    tx.commit().await?;
    Ok(user)
}
