//! `email.verify_address`

use callboard_queue::{Failure, Handler, Outcome, Run};
use callboard_shared::jobs::VerifyAddress;
use serde_json::json;

use super::delivery;
use crate::context::Context;
use crate::mail::LinkLetter;

impl Handler<Context> for VerifyAddress {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        match delivery::receiver(context, self.user_id).await? {
            Ok(user) if user.is_verified() => {
                Ok(Outcome::CompletedWith(json!({ "sent": false, "because": "already verified" })))
            }
            Ok(user) => {
                delivery::send_link(context, run, LinkLetter::VerifyAddress, self.token_id, &user, &user.email).await
            }
            Err(end) => Ok(end),
        }
    }
}
