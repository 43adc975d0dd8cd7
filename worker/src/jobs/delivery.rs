//! The way that all mails take: to a user who is there and may log in, by the
//! mailer, with what becomes of the job.

use callboard_queue::{Failure, Outcome, Run};
use callboard_shared::db::{DbError, email_change_tokens, password_reset_tokens, users, verification_tokens};
use callboard_shared::domain::{Email, TokenPurpose};
use callboard_shared::models::User;
use serde_json::json;
use uuid::Uuid;

use crate::context::Context;
use crate::mail::{Letter, LinkDetails, LinkLetter, Recipient, SendError};

/// The user whom a mail is for; or how the job ends, as there is none who could
/// do anything with it.
pub(super) async fn receiver(context: &Context, user_id: Uuid) -> Result<Result<User, Outcome>, DbError> {
    Ok(match users::find(&context.pool, user_id).await? {
        Some(user) if user.is_active => Ok(user),
        Some(_) => Err(pointless("the user is switched off")),
        None => Err(pointless("the user is gone")),
    })
}

/// Sends `letter` to `user` at the address `to`, with the link that the token
/// of this id makes; unless it would lead nowhere.
pub(super) async fn send_link(
    context: &Context,
    run: &Run,
    letter: LinkLetter,
    token_id: Uuid,
    user: &User,
    to: &Email,
) -> Result<Outcome, Failure> {
    let remaining = match letter.purpose() {
        TokenPurpose::VerifyEmail => verification_tokens::remaining(&context.pool, token_id).await?,
        TokenPurpose::ResetPassword => password_reset_tokens::remaining(&context.pool, token_id).await?,
        TokenPurpose::ChangeEmail => email_change_tokens::remaining(&context.pool, token_id).await?,
    };
    let Some(lifetime) = remaining else {
        return Ok(pointless("the link has expired or was used"));
    };
    let link = context.links.link(letter.purpose(), token_id);
    let details = LinkDetails { name: user.full_name.as_ref(), link: &link, lifetime };
    send(context, run, user, to, letter.render(&details, user.locale)?).await
}

/// Sends `letter` to `user` at the address `to`.
pub(super) async fn send(
    context: &Context,
    run: &Run,
    user: &User,
    to: &Email,
    letter: Letter,
) -> Result<Outcome, Failure> {
    let recipient = Recipient { name: user.full_name.as_ref(), email: to };
    match context.mailer.send(run.id(), recipient, letter).await {
        Ok(()) => Ok(Outcome::CompletedWith(json!({ "sent": true }))),
        Err(SendError::Refused(reason)) => Ok(Outcome::Discard(reason)),
        Err(error @ SendError::Failed(_)) => Err(error.into()),
    }
}

/// The end of a job whose mail would help nobody.
pub(super) fn pointless(reason: &str) -> Outcome {
    Outcome::Discard(reason.to_owned())
}
