//! The first admin, by hand or at the first start.

use callboard_shared::{
    db::{
        DbError,
        audit_log::{Act, Origin},
        requests,
        users::{self, NewUser},
    },
    domain::{Email, Locale, Password, Role},
};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    auth::{About, Passwords},
    error::{FieldError, Problem},
    extract::Reason,
};

/// What became of the wish for an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin {
    /// There is one more.
    Created,
    /// A user with this address exists; nothing was changed.
    Exists,
}

/// Makes an admin whose address counts as verified, unless the address is taken.
///
/// # Errors
/// 422 for a weak password, 503 while PostgreSQL is out of reach.
pub async fn create(pool: &PgPool, passwords: &Passwords, email: Email, password: Password) -> Result<Admin, Problem> {
    if users::find_by_email(pool, &email).await?.is_some() {
        return Ok(Admin::Exists);
    }
    let about = About::words([email.local_part()]);
    let password_hash = passwords.hash(password, about).await?;
    let new = NewUser {
        email: &email,
        username: None,
        password_hash: Some(&password_hash),
        full_name: None,
        phone: None,
        locale: Locale::En,
        role: Role::Admin,
        is_verified: true,
    };
    let mut tx = pool.begin().await?;
    match users::insert(&mut tx, &new).await {
        Ok(user) => {
            let origin = Origin { actor: "system", ip: None, request_id: None };
            let details = json!({ "role": user.role, "invited": false });
            let act = Act { action: "user.created", subject: Some(("user", user.id)), details };
            requests::leave(&mut *tx, origin, &[act], None).await?;
            tx.commit().await?;
            Ok(Admin::Created)
        }
        // Another process was quicker.
        Err(DbError::EmailTaken) => Ok(Admin::Exists),
        Err(error) => Err(error.into()),
    }
}

/// The password of a setting.
///
/// # Errors
/// 422 when it is too short or too long.
pub fn parse_password(raw: &str) -> Result<Password, Problem> {
    raw.parse().map_err(|invalid| {
        let reason = Reason::from(invalid);
        Problem::validation(vec![FieldError::field("password", reason.code, reason.detail)])
    })
}
