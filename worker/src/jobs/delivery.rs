//! The way that all mails take: to a user who is there and may log in, by the
//! mailer, with what becomes of the job.

use callboard_queue::{Failure, Outcome, Run};
use callboard_shared::db::{DbError, email_change_tokens, password_reset_tokens, users, verification_tokens};
use callboard_shared::domain::{Email, PersonName, TokenPurpose};
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
    let name = match letter {
        // Staff has typed it.
        LinkLetter::Invitation => user.full_name.as_ref(),
        LinkLetter::ResetPassword => proved_name(user),
        LinkLetter::VerifyAddress | LinkLetter::ConfirmEmailChange => None,
    };
    let details = LinkDetails { name, link: &link, lifetime };
    send(context, run, Recipient { name, email: to }, letter.render(&details, user.locale)?).await
}

/// The name of a user whose address has proved to be theirs. Until then a
/// stranger may have registered it, and the name be what they want its owner to
/// read.
pub(super) fn proved_name(user: &User) -> Option<&PersonName> {
    user.full_name.as_ref().filter(|_| user.is_verified())
}

/// Sends `letter` to `recipient`.
pub(super) async fn send(
    context: &Context,
    run: &Run,
    recipient: Recipient<'_>,
    letter: Letter,
) -> Result<Outcome, Failure> {
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
