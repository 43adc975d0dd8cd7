//! Second factors: setting one up, and the code at login.
//!
//! A code is six digits, so guessing is what this must withstand. Wrong ones are
//! counted apart from wrong passwords, since who knows the password could have
//! those forgiven by logging in again, and they are slowed down for longer: see
//! [`throttle`]. A step's code is used up by one atomic update, so of several
//! requests with one code, one is let in.

use axum::http::HeaderMap;
use callboard_shared::{
    db::{
        passwords, recovery_codes,
        totp_credentials::{self, TotpCredential},
        users,
    },
    jobs::{Notice, SecurityNotice},
};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    auth::{
        Caller,
        totp::{RecoveryCode, TotpCode, TotpSecret, new_salt},
    },
    error::{Code, FieldError, Problem},
    extract::RequestInfo,
    services::{
        reauthentication::check_password,
        sessions::{self, Tokens},
        throttle::{self, Attempt, Door},
    },
    state::AppState,
    work::Work,
};

/// What stands for the second factor in a request.
#[derive(Debug)]
pub enum Factor {
    /// A code of the app.
    Code(TotpCode),
    /// A recovery code in its place.
    Recovery(RecoveryCode),
}

impl Factor {
    /// The field of a body that it comes in.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::Recovery(_) => "recovery_code",
        }
    }
}

/// How the caller's second factor stands.
#[derive(Debug)]
pub struct Status {
    /// When it was enabled, if it is.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// How many recovery codes are left.
    pub recovery_codes_left: i64,
}

/// How the caller's second factor stands.
///
/// # Errors
/// 503 while PostgreSQL is out of reach.
pub async fn status(state: &AppState, user_id: Uuid) -> Result<Status, Problem> {
    let found = totp_credentials::find(state.queue.pool(), user_id).await?;
    let confirmed_at = found.and_then(|found| found.confirmed_at);
    let recovery_codes_left = recovery_codes::left(state.queue.pool(), user_id).await?;
    Ok(Status { confirmed_at, recovery_codes_left })
}

/// Begins to set one up: a new secret for the app, good for nothing until a code
/// of it is confirmed.
///
/// # Errors
/// 409 when one is enabled, or for who has no password; 422 for a wrong one.
pub async fn begin(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    password: SecretString,
) -> Result<TotpSecret, Problem> {
    check_password(state, info, caller, password).await?;
    let salt = new_salt();
    let mut work = Work::by(state, info, caller).await?;
    if !totp_credentials::begin(&mut *work, caller.user_id(), &salt).await? {
        return Err(Problem::new(Code::TotpAlreadyEnabled));
    }
    work.audit("totp.begun", ("user", caller.user_id()));
    work.commit().await?;
    Ok(state.totp.secret(&salt))
}

/// Enables the caller's by the first code of the app. Returns the recovery codes.
///
/// # Errors
/// 409 when there is none to confirm, 422 for a wrong code, 429 after too many.
pub async fn confirm(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    code: &TotpCode,
) -> Result<Vec<RecoveryCode>, Problem> {
    let user_id = caller.user_id();
    let credential = totp_credentials::find(state.queue.pool(), user_id).await?;
    let credential = credential.ok_or_else(|| Problem::new(Code::TotpNotSetUp))?;
    if credential.confirmed_at.is_some() {
        return Err(Problem::new(Code::TotpAlreadyEnabled));
    }
    let attempt = admit(state, info, user_id).await?;
    let mut work = Work::by(state, info, caller).await?;
    let Some(step) = step_of(state, &credential, code)? else {
        return Err(in_field("code")(refuse(work, attempt, user_id).await?));
    };
    // Not when another has been begun or this one was confirmed meanwhile.
    if !totp_credentials::confirm(&mut *work, user_id, &credential.salt, step).await? {
        return Err(Problem::new(Code::TotpNotSetUp));
    }
    let codes = renew_codes(&mut work, user_id).await?;
    work.enqueue(&SecurityNotice { user_id, notice: Notice::TotpEnabled, email: None }).await?;
    work.audit("totp.enabled", ("user", user_id));
    work.commit().await?;
    attempt.succeeded(state.queue.pool()).await;
    Ok(codes)
}

/// Disables the caller's: login asks for the password only from now on.
///
/// # Errors
/// 409 when there is none, 422 for a wrong password or code, 429 after too many.
pub async fn disable(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    password: SecretString,
    factor: Factor,
) -> Result<(), Problem> {
    check_password(state, info, caller, password).await?;
    let user_id = caller.user_id();
    let attempt = admit(state, info, user_id).await?;
    let work = Work::by(state, info, caller).await?;
    let name = factor.field();
    let (mut work, attempt) = use_factor(state, work, attempt, user_id, factor).await.map_err(in_field(name))?;
    totp_credentials::delete(&mut *work, user_id).await?;
    work.enqueue(&SecurityNotice { user_id, notice: Notice::TotpDisabled, email: None }).await?;
    work.audit("totp.disabled", ("user", user_id));
    work.commit().await?;
    attempt.succeeded(state.queue.pool()).await;
    Ok(())
}

/// Makes new recovery codes in place of all that the caller has.
///
/// # Errors
/// As [`disable`].
pub async fn renew(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    password: SecretString,
    factor: Factor,
) -> Result<Vec<RecoveryCode>, Problem> {
    check_password(state, info, caller, password).await?;
    let user_id = caller.user_id();
    let attempt = admit(state, info, user_id).await?;
    let work = Work::by(state, info, caller).await?;
    let name = factor.field();
    let (mut work, attempt) = use_factor(state, work, attempt, user_id, factor).await.map_err(in_field(name))?;
    let codes = renew_codes(&mut work, user_id).await?;
    work.audit("totp.recovery_codes_renewed", ("user", user_id));
    work.commit().await?;
    attempt.succeeded(state.queue.pool()).await;
    Ok(codes)
}

/// The second step of a login: begins the session of who gave the right
/// password, and now the factor.
///
/// # Errors
/// 401 `mfa_token_invalid` when the login has to start again, as after a change
/// of the password in between, 401 `wrong_code`, 429 after too many.
pub async fn log_in(
    state: &AppState,
    info: &RequestInfo,
    headers: &HeaderMap,
    mfa_token: &str,
    factor: Factor,
) -> Result<Tokens, Problem> {
    let start_again = || Problem::new(Code::MfaTokenInvalid);
    let first = state.tokens.check_mfa(mfa_token).map_err(|_| start_again())?;
    let user_id = first.user_id;
    let attempt = admit(state, info, user_id).await?;
    let mut work = Work::begin(state, info).await?.acting_as(user_id);
    // A reset of the password comes before this, and is seen, or after it, and ends its session.
    users::lock(&mut *work, user_id).await?;
    if !first.is_of(passwords::hash(&mut *work, user_id).await?.as_ref()) {
        return Err(start_again());
    }
    let used = use_factor(state, work, attempt, user_id, factor).await;
    let (mut work, attempt) = used.map_err(|problem| match problem.code() {
        Code::TotpNotSetUp => start_again(),
        _ => problem,
    })?;
    users::find(&mut *work, user_id).await?.filter(|user| user.is_active).ok_or_else(start_again)?;
    let tokens = sessions::start(state, &mut work, user_id, info, headers).await?;
    work.commit().await?;
    attempt.succeeded(state.queue.pool()).await;
    Ok(tokens)
}

/// Asks for a guess, before a transaction holds a connection.
async fn admit(state: &AppState, info: &RequestInfo, user_id: Uuid) -> Result<Attempt, Problem> {
    throttle::admit(state, info.client_ip(), Door::SecondFactor(user_id)).await
}

/// Checks what stands for the second factor, and uses it up in `work`, which is
/// handed back. When it is wrong, that is committed instead.
async fn use_factor(
    state: &AppState,
    mut work: Work,
    attempt: Attempt,
    user_id: Uuid,
    factor: Factor,
) -> Result<(Work, Attempt), Problem> {
    let credential = totp_credentials::find(&mut *work, user_id).await?;
    let credential = credential.filter(|credential| credential.confirmed_at.is_some());
    let credential = credential.ok_or_else(|| Problem::new(Code::TotpNotSetUp))?;
    let is_good = match &factor {
        Factor::Code(code) => match step_of(state, &credential, code)? {
            Some(step) => totp_credentials::use_step(&mut *work, user_id, step).await?,
            None => false,
        },
        Factor::Recovery(code) => recovery_codes::consume(&mut *work, user_id, &code.hash()).await?,
    };
    if !is_good {
        return Err(refuse(work, attempt, user_id).await?);
    }
    if matches!(factor, Factor::Recovery(_)) {
        work.enqueue(&SecurityNotice { user_id, notice: Notice::RecoveryCodeUsed, email: None }).await?;
        work.audit("recovery_code.used", ("user", user_id));
    }
    Ok((work, attempt))
}

/// Who has a session is told of a wrong code as of any other wrong value: a 401
/// would say that their session has ended.
fn in_field(name: &'static str) -> impl Fn(Problem) -> Problem {
    move |problem| match problem.code() {
        Code::WrongCode => {
            let detail = Code::WrongCode.entry().explanation;
            Problem::validation(vec![FieldError::field(name, "wrong_code", detail)])
        }
        _ => problem,
    }
}

fn step_of(state: &AppState, credential: &TotpCredential, code: &TotpCode) -> Result<Option<i64>, Problem> {
    state.totp.secret(&credential.salt).step_of(code, credential.now).map_err(Problem::internal)
}

async fn renew_codes(work: &mut Work, user_id: Uuid) -> Result<Vec<RecoveryCode>, Problem> {
    let codes = RecoveryCode::generate();
    let hashes: Vec<[u8; 32]> = codes.iter().map(RecoveryCode::hash).collect();
    recovery_codes::replace(work, user_id, &hashes).await?;
    Ok(codes)
}

/// Counts and notes a wrong code; returns what to answer. The owner is told once
/// there are many: whoever guesses knows the password.
async fn refuse(mut work: Work, attempt: Attempt, user_id: Uuid) -> Result<Problem, Problem> {
    let owner = users::find(&mut *work, user_id).await?;
    work.audit("totp.refused", ("user", user_id));
    attempt.failed(&mut work, owner.as_ref()).await?;
    work.commit().await?;
    Ok(Problem::new(Code::WrongCode))
}
