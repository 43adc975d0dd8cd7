//! Another address: asked for with the password, confirmed by a link that goes
//! there, and told to the old one.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use callboard_shared::{
    config::{AuthConfig, TokenKeyConfig},
    db::{
        TokenState,
        email_change_tokens::{self, EmailChange},
        password_reset_tokens, users,
    },
    domain::{Email, MailKey, MailToken, TokenPurpose},
    jobs::{ConfirmEmailChange, Notice, SecurityNotice},
};
use secrecy::SecretString;

use crate::{
    auth::Caller,
    error::{Code, FieldError, Problem, Text},
    extract::RequestInfo,
    limits::Limit,
    services::{
        mail_on_request::{A_DAY, MAILS_A_DAY, in_uniform_time},
        reauthentication::check_password,
    },
    state::AppState,
    work::Work,
};

const TOO_MANY: Text = Text::fixed(
    "You have asked for five changes of the address within a day. Try again tomorrow.",
    "하루에 이메일 주소 변경을 다섯 번 요청했습니다. 내일 다시 시도하세요.",
);

const SAME: Text = Text::fixed("This is your address already.", "이미 사용 중인 본인의 주소입니다.");

/// How the tokens of confirmation links are made.
#[derive(Debug)]
pub struct EmailChanges {
    key: MailKey,
    lifetime: Duration,
}

impl EmailChanges {
    /// Tokens as the settings say.
    #[must_use]
    pub fn new(key: &TokenKeyConfig, auth: &AuthConfig) -> Self {
        Self { key: key.mail_key(TokenPurpose::ChangeEmail), lifetime: auth.email_change_token_ttl }
    }
}

/// Has a link mailed to the new address that makes it the caller's, and tells
/// the old one. An earlier link is good no more.
///
/// Whether the new address is somebody's is not told: all is the same then, its
/// time and the row of the token too, but for the mail with the link.
///
/// # Errors
/// 409 for who has no password, 422 for a wrong one or the caller's own address,
/// 429 after five changes in a day or too many wrong passwords.
pub async fn request(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    password: SecretString,
    new_email: Email,
) -> Result<(), Problem> {
    if new_email == caller.user().email {
        return Err(Problem::validation(vec![FieldError::field("new_email", "unchanged", SAME)]));
    }
    in_uniform_time(async {
        check_password(state, info, caller, password).await?;
        // Whoever asks, and however many they are: nobody's inbox is flooded.
        state.limits.admit_account(Limit::Reset, new_email.as_str()).await?;
        send(state, info, caller, &new_email).await
    })
    .await
}

async fn send(state: &AppState, info: &RequestInfo, caller: &Caller, new_email: &Email) -> Result<(), Problem> {
    let user_id = caller.user_id();
    let mut work = Work::by(state, info, caller).await?;
    users::lock(&mut *work, user_id).await?;
    if email_change_tokens::created_within(&mut *work, user_id, A_DAY).await? >= MAILS_A_DAY {
        return Err(too_many());
    }
    email_change_tokens::expire_all(&mut *work, user_id).await?;
    let owner = users::find_by_email(&mut *work, new_email).await?;
    let EmailChanges { key, lifetime } = &state.email_changes;
    let token_id = email_change_tokens::create(&mut *work, key, user_id, new_email, *lifetime).await?;
    if owner.is_none_or(|owner| owner.id == user_id) {
        work.enqueue(&ConfirmEmailChange { user_id, token_id }).await?;
    }
    work.enqueue(&SecurityNotice { user_id, notice: Notice::EmailChangeRequested, email: None }).await?;
    work.audit("email.change_requested", ("user", user_id));
    work.commit().await
}

/// Makes the address that the token was mailed to its user's, and tells the old
/// one. Links that were sent to the old address are good no more. Doing it again
/// is fine.
///
/// # Errors
/// 400 for a token that is unknown or has expired, 409 when the address has
/// become another user's meanwhile.
pub async fn confirm(state: &AppState, info: &RequestInfo, token: &str) -> Result<(), Problem> {
    let token: MailToken = token.parse().map_err(|_| Problem::new(Code::EmailChangeTokenInvalid))?;
    let EmailChange { user_id, .. } = match email_change_tokens::find(state.queue.pool(), &token).await? {
        TokenState::Good(change) => change,
        state_of_token => return unless_done(state, state_of_token).await,
    };
    let mut work = Work::begin(state, info).await?.acting_as(user_id);
    users::lock(&mut *work, user_id).await?;
    let change = match email_change_tokens::consume(&mut work, &token).await? {
        TokenState::Good(change) => change,
        state_of_token => {
            // Its connection is free before another is asked for.
            drop(work);
            return unless_done(state, state_of_token).await;
        }
    };
    let user = users::find(&mut *work, user_id).await?.filter(|user| user.is_active);
    let user = user.ok_or_else(|| Problem::new(Code::EmailChangeTokenInvalid))?;
    users::change_email(&mut *work, user_id, &change.new_email).await?;
    password_reset_tokens::expire_all(&mut *work, user_id).await?;
    work.enqueue(&SecurityNotice { user_id, notice: Notice::EmailChanged, email: Some(user.email) }).await?;
    work.audit("email.changed", ("user", user_id));
    work.commit().await?;
    state.identities.forget_user(user_id);
    Ok(())
}

fn too_many() -> Problem {
    Problem::new(Code::RateLimited).with_detail(TOO_MANY).with_header(header::RETRY_AFTER, HeaderValue::from(3600_u16))
}

/// A second click is told what the first was, while it still holds.
async fn unless_done(state: &AppState, token: TokenState<EmailChange>) -> Result<(), Problem> {
    match token {
        TokenState::Used(change) => {
            let user = users::find(state.queue.pool(), change.user_id).await?;
            match user.filter(|user| user.is_active && user.email == change.new_email) {
                Some(_) => Ok(()),
                None => Err(Problem::new(Code::EmailChangeTokenInvalid)),
            }
        }
        TokenState::Expired => Err(Problem::new(Code::EmailChangeTokenExpired)),
        TokenState::Good(_) | TokenState::Unknown => Err(Problem::new(Code::EmailChangeTokenInvalid)),
    }
}
