//! `email.invitation`

use callboard_queue::{Failure, Handler, Outcome, Run};
use callboard_shared::jobs::Invitation;

use super::delivery;
use crate::context::Context;
use crate::mail::LinkLetter;

impl Handler<Context> for Invitation {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        match delivery::receiver(context, self.user_id).await? {
            Ok(user) => {
                delivery::send_link(context, run, LinkLetter::Invitation, self.token_id, &user, &user.email).await
            }
            Err(end) => Ok(end),
        }
    }
}
