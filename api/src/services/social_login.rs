//! Login by other providers: which user somebody is here.
//!
//! Who came by a provider before is who they were then, whatever their address
//! there has become. Else an account here with the same address is theirs only
//! if both sides have seen that the address is: if the provider has not, anybody
//! could claim it there; if we have not, whoever registered it here may not be
//! whose it is, and would share the account.

use axum::http::HeaderMap;
use callboard_shared::{
    db::{
        passwords, totp_credentials,
        user_identities::{self, Linked, Unlinked},
        users::{self, NewUser},
    },
    domain::{Email, Locale, Provider, Role},
    jobs::{Notice, SecurityNotice},
    models::User,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::sessions::{self, Tokens};
use crate::{
    auth::{Caller, oauth::Profile},
    error::{Code, Problem},
    extract::RequestInfo,
    state::AppState,
    work::Work,
};

/// Somebody whom a provider vouches for.
#[derive(Debug)]
pub struct Visitor {
    /// The provider.
    pub provider: Provider,
    /// What it says.
    pub profile: Profile,
    /// The language for who is new here.
    pub locale: Locale,
}

/// Logs in who came by a provider; who is new here becomes a user.
///
/// # Errors
/// 409 when the address is another account's, or the provider tells none; 401
/// for who is disabled, and `totp_required` for who has a second factor.
pub async fn log_in(
    state: &AppState,
    info: &RequestInfo,
    headers: &HeaderMap,
    visitor: &Visitor,
) -> Result<Tokens, Problem> {
    let mut outcome = enter(state, info, visitor).await;
    if matches!(&outcome, Err(problem) if problem.code() == Code::EmailTaken) {
        // Another tab, or a registration, was faster: now there is an account.
        outcome = enter(state, info, visitor).await;
    }
    let (mut work, user) = outcome?;
    if !user.is_active {
        work.audit("login.failed", ("user", user.id));
        work.commit().await?;
        return Err(Problem::new(Code::InvalidCredentials));
    }
    let mut work = work.acting_as(user.id);
    if totp_credentials::is_enabled(&mut *work, user.id).await? {
        let password = passwords::hash(&mut *work, user.id).await?;
        work.commit().await?;
        let token = state.tokens.issue_mfa(user.id, password.as_ref()).map_err(Problem::internal)?;
        let token = Value::from(token.expose_secret());
        return Err(Problem::new(Code::TotpRequired).with_member("mfa_token", token));
    }
    let tokens = sessions::start(state, &mut work, user.id, info, headers).await?;
    work.commit().await?;
    Ok(tokens)
}

/// Begins the work of a login and finds, links or makes the user.
async fn enter(state: &AppState, info: &RequestInfo, visitor: &Visitor) -> Result<(Work, User), Problem> {
    let mut work = Work::begin(state, info).await?;
    let Visitor { provider, profile, .. } = visitor;
    if let Some(id) = user_identities::find_user(&mut *work, *provider, &profile.subject).await? {
        let user = users::find(&mut *work, id).await?.ok_or_else(|| Problem::new(Code::InvalidCredentials))?;
        return Ok((work, user));
    }
    let email = profile.email.as_ref().ok_or_else(|| Problem::new(Code::IdentityWithoutEmail))?;
    match locked_by_email(&mut work, email).await? {
        Some(user) => link(work, visitor, user).await,
        None => register(work, visitor, email).await,
    }
}

async fn locked_by_email(work: &mut Work, email: &Email) -> Result<Option<User>, Problem> {
    let Some(user) = users::find_by_email(&mut **work, email).await? else { return Ok(None) };
    users::lock(&mut **work, user.id).await?;
    // Again, as it may have changed before it was locked.
    Ok(users::find_by_email(&mut **work, email).await?)
}

/// Has the account of the provider log in as a user who is known here.
async fn link(mut work: Work, visitor: &Visitor, user: User) -> Result<(Work, User), Problem> {
    let Visitor { provider, profile, .. } = visitor;
    if !(profile.is_email_verified && user.is_verified()) {
        return Err(Problem::new(Code::IdentityNotLinkable));
    }
    if !user.is_active {
        return Ok((work, user));
    }
    match user_identities::link(&mut *work, user.id, *provider, &profile.subject).await? {
        Linked::Now => {}
        Linked::Taken
            if user_identities::find_user(&mut *work, *provider, &profile.subject).await? == Some(user.id) =>
        {
            return Ok((work, user));
        }
        Linked::Taken => return Err(Problem::new(Code::IdentityNotLinkable)),
    }
    let mut work = work.acting_as(user.id);
    work.audit_with("identity.linked", ("user", user.id), json!({ "provider": provider.as_str() }));
    work.enqueue(&SecurityNotice { user_id: user.id, notice: Notice::IdentityLinked, email: None }).await?;
    Ok((work, user))
}

/// Makes a user without a password. Their address must be one that the provider
/// has seen to be theirs: who could claim another's here would keep the login by
/// the provider when the owner of the address comes and resets the password.
async fn register(mut work: Work, visitor: &Visitor, email: &Email) -> Result<(Work, User), Problem> {
    let Visitor { provider, profile, locale } = visitor;
    if !profile.is_email_verified {
        return Err(Problem::new(Code::IdentityNotLinkable));
    }
    let new = NewUser {
        email,
        username: None,
        password_hash: None,
        full_name: profile.name.as_ref(),
        phone: None,
        locale: *locale,
        role: Role::Member,
        is_verified: true,
    };
    let user = users::insert(&mut work, &new).await?;
    let mut work = work.acting_as(user.id);
    if user_identities::link(&mut *work, user.id, *provider, &profile.subject).await? == Linked::Taken {
        // Linked in parallel under another address.
        return Err(Problem::new(Code::IdentityNotLinkable));
    }
    let details = json!({ "provider": provider.as_str() });
    work.audit_with("user.created", ("user", user.id), details.clone());
    work.audit_with("identity.linked", ("user", user.id), details);
    Ok((work, user))
}

/// Gives up the caller's login by a provider.
///
/// # Errors
/// 404 when there is none, 409 when it is the only way to log in.
pub async fn unlink(state: &AppState, info: &RequestInfo, caller: &Caller, provider: Provider) -> Result<(), Problem> {
    let mut work = Work::by(state, info, caller).await?;
    let user_id: Uuid = caller.user_id();
    users::lock(&mut *work, user_id).await?;
    match user_identities::unlink(&mut *work, user_id, provider).await? {
        Unlinked::Now => {}
        Unlinked::Never => return Err(Problem::new(Code::NotFound)),
        Unlinked::LastWay => return Err(Problem::new(Code::LastLoginMethod)),
    }
    work.audit_with("identity.unlinked", ("user", user_id), json!({ "provider": provider.as_str() }));
    work.commit().await
}
