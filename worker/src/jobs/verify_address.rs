//! `email.verify_address`

use std::time::Duration;

use callboard_queue::{Failure, Handler, Outcome, Run};
use callboard_shared::db::{DbError, users, verification_tokens};
use callboard_shared::jobs::VerifyAddress;
use callboard_shared::models::User;
use serde_json::json;

use crate::context::Context;
use crate::mail::{Recipient, SendError, VerifyAddressLetter};

impl Handler<Context> for VerifyAddress {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        let (user, lifetime) = match look(&self, context).await? {
            Look::Send(user, lifetime) => (user, lifetime),
            Look::AlreadyVerified => {
                return Ok(Outcome::CompletedWith(json!({ "sent": false, "because": "already verified" })));
            }
            Look::Pointless(reason) => return Ok(Outcome::Discard(reason.to_owned())),
        };
        let link = context.links.verify_email(self.token_id);
        let letter =
            VerifyAddressLetter { name: user.full_name.as_ref(), link: &link, lifetime }.render(user.locale)?;
        let to = Recipient { name: user.full_name.as_ref(), email: &user.email };
        match context.mailer.send(run.id(), to, letter).await {
            Ok(()) => Ok(Outcome::CompletedWith(json!({ "sent": true }))),
            Err(SendError::Refused(reason)) => Ok(Outcome::Discard(reason)),
            Err(error @ SendError::Failed(_)) => Err(error.into()),
        }
    }
}

/// What there is to do, now that the job's turn has come.
enum Look {
    Send(Box<User>, Duration),
    AlreadyVerified,
    Pointless(&'static str),
}

async fn look(job: &VerifyAddress, context: &Context) -> Result<Look, DbError> {
    let Some(user) = users::find(&context.pool, job.user_id).await? else {
        return Ok(Look::Pointless("the user is gone"));
    };
    if user.is_verified() {
        return Ok(Look::AlreadyVerified);
    }
    if !user.is_active {
        return Ok(Look::Pointless("the user is switched off"));
    }
    Ok(match verification_tokens::remaining(&context.pool, job.token_id).await? {
        Some(lifetime) => Look::Send(Box::new(user), lifetime),
        None => Look::Pointless("the link has expired or was used"),
    })
}
