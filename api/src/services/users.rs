//! Users as they and the admins make, change and delete them.

use std::time::Duration;

use axum::response::Response;
use callboard_shared::{
    db::{
        password_reset_tokens, sessions,
        users::{self, NewUser, UserChange},
    },
    domain::{Email, Locale, MobileNumber, Password, PersonName, Role, Username},
    jobs::Invitation,
    models::{RevokedBecause, User},
};
use serde_json::json;
use uuid::Uuid;

use super::{deletion, registration};
use crate::{
    auth::Caller,
    error::{Code, Problem},
    extract::Post,
    state::AppState,
    work::{Begun, Work},
};

/// How long an invitation may be followed: somebody may be on holiday.
const INVITATION_LIFE: Duration = Duration::from_hours(7 * 24);

/// Whom an admin makes.
#[derive(Debug)]
pub struct NewAccount {
    /// The address that the mail goes to.
    pub email: Email,
    /// The password in the clear; who is given none is invited to choose one.
    pub password: Option<Password>,
    /// Made from the address when absent.
    pub username: Option<Username>,
    /// The name in full.
    pub full_name: Option<PersonName>,
    /// The mobile number.
    pub phone: Option<MobileNumber>,
    /// The language of the mail; the admin's own when absent.
    pub locale: Option<Locale>,
    /// What they may do.
    pub role: Role,
}

/// Makes a user, whose answer goes to `collection`. With a password they are
/// sent the mail that verifies their address, without one an invitation.
///
/// # Errors
/// 422 for a weak password, 409 when the address or the username is taken, 503
/// while PostgreSQL is out of reach; nothing was written then.
pub async fn create(
    state: &AppState,
    caller: &Caller,
    post: Post<NewAccount>,
    collection: &str,
) -> Result<Response, Problem> {
    let NewAccount { email, password, username, full_name, phone, locale, role } = &post.value;
    let password_hash = match password {
        Some(password) => {
            let about = registration::about(email, username.as_ref(), full_name.as_ref());
            Some(state.passwords.hash(password.clone(), about).await?)
        }
        None => None,
    };
    let mut work = match post.begin(state, caller).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    let new = NewUser {
        email,
        username: username.as_ref(),
        password_hash: password_hash.as_ref(),
        full_name: full_name.as_ref(),
        phone: phone.as_ref(),
        locale: locale.unwrap_or(caller.user().locale),
        role: *role,
        is_verified: false,
    };
    let user = users::insert(&mut work, &new).await?;
    if password_hash.is_some() {
        state.verification.send(&mut work, user.id).await?;
    } else {
        invite(state, &mut work, user.id).await?;
    }
    let details = json!({ "role": user.role, "invited": password_hash.is_none() });
    work.audit_with("user.created", ("user", user.id), details);
    work.commit_created(collection, &user).await
}

async fn invite(state: &AppState, work: &mut Work, user_id: Uuid) -> Result<(), Problem> {
    let key = state.resets.key();
    let token_id = password_reset_tokens::create(&mut **work, key, user_id, INVITATION_LIFE).await?;
    work.enqueue(&Invitation { user_id, token_id }).await?;
    Ok(())
}

/// The user of this id, locked until the end of the work. If they are an active
/// admin, so are all others, before them: locks are taken in one order.
///
/// # Errors
/// 503 while PostgreSQL is out of reach.
pub async fn lock(work: &mut Work, id: Uuid) -> Result<Option<User>, Problem> {
    if users::find(&mut **work, id).await?.is_some_and(|user| acts_as_admin(&user)) {
        users::lock_admins(&mut **work).await?;
    }
    Ok(users::find_locked(&mut **work, id).await?)
}

/// Changes the `user` of [`lock`]. Who is disabled is logged out everywhere.
///
/// # Errors
/// 409 when the username is taken, or when there would be no admin left.
pub async fn change(state: &AppState, mut work: Work, user: &User, change: &UserChange) -> Result<User, Problem> {
    let is_demoted = change.role.is_some_and(|role| role != Role::Admin);
    if acts_as_admin(user) && (is_demoted || change.is_active == Some(false)) {
        keep_an_admin(&mut work, user.id).await?;
    }
    let changed = users::update(&mut *work, user.id, change).await?;
    if user.is_active && !changed.is_active {
        sessions::revoke_all(&mut *work, user.id, None, RevokedBecause::Revoked).await?;
    }
    note(&mut work, user, &changed);
    work.commit().await?;
    state.identities.forget_user(user.id);
    Ok(changed)
}

/// Deletes the `user` of [`lock`], with their sessions, tokens and keys.
///
/// # Errors
/// 409 when others refer to them, or when there would be no admin left.
pub async fn delete(state: &AppState, mut work: Work, user: &User) -> Result<(), Problem> {
    if acts_as_admin(user) {
        keep_an_admin(&mut work, user.id).await?;
    }
    let deleted = users::delete(&mut *work, user.id).await;
    work.audit_with("user.deleted", ("user", user.id), json!({ "role": user.role }));
    deletion::commit(state, work, user.id, deleted).await?;
    state.identities.forget_user(user.id);
    Ok(())
}

fn acts_as_admin(user: &User) -> bool {
    user.role == Role::Admin && user.is_active
}

/// Refuses to go on when nobody but `id` is an admin.
async fn keep_an_admin(work: &mut Work, id: Uuid) -> Result<(), Problem> {
    let admins = users::lock_admins(&mut **work).await?;
    if admins.iter().any(|admin| *admin != id) { Ok(()) } else { Err(Problem::new(Code::LastAdmin)) }
}

/// Notes what is different, by name only: the values are personal data.
fn note(work: &mut Work, before: &User, after: &User) {
    let subject = ("user", after.id);
    let differs = [
        ("username", before.username != after.username),
        ("full_name", before.full_name != after.full_name),
        ("phone", before.phone != after.phone),
        ("locale", before.locale != after.locale),
    ];
    let fields: Vec<_> = differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect();
    if !fields.is_empty() {
        work.audit_with("user.updated", subject, json!({ "fields": fields }));
    }
    if before.role != after.role {
        work.audit_with("user.role_changed", subject, json!({ "from": before.role, "to": after.role }));
    }
    if before.is_active != after.is_active {
        work.audit(if after.is_active { "user.enabled" } else { "user.disabled" }, subject);
    }
}
