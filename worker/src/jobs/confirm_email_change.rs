//! `email.confirm_email_change`

use callboard_queue::{Failure, Handler, Outcome, Run};
use callboard_shared::db::email_change_tokens;
use callboard_shared::jobs::ConfirmEmailChange;

use super::delivery;
use crate::context::Context;
use crate::mail::LinkLetter;

impl Handler<Context> for ConfirmEmailChange {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        let user = match delivery::receiver(context, self.user_id).await? {
            Ok(user) => user,
            Err(end) => return Ok(end),
        };
        let Some(new_email) = email_change_tokens::new_email(&context.pool, self.token_id).await? else {
            return Ok(delivery::pointless("the link is gone"));
        };
        delivery::send_link(context, run, LinkLetter::ConfirmEmailChange, self.token_id, &user, &new_email).await
    }
}
