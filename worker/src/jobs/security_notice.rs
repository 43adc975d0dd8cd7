//! `email.security_notice`

use callboard_queue::{Failure, Handler, Outcome, Run};
use callboard_shared::jobs::SecurityNotice;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::delivery;
use crate::context::Context;
use crate::mail::{Recipient, SecurityNoticeLetter};

impl Handler<Context> for SecurityNotice {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        let user = match delivery::receiver(context, self.user_id).await? {
            Ok(user) => user,
            Err(end) => return Ok(end),
        };
        let at = made_at(run.id()).unwrap_or_else(|| run.started_at());
        let name = delivery::proved_name(&user);
        let letter = SecurityNoticeLetter { name, notice: self.notice, at }.render(user.locale)?;
        let email = self.email.as_ref().unwrap_or(&user.email);
        delivery::send(context, run, Recipient { name, email }, letter).await
    }
}

/// When a job was enqueued: its id is a `UUIDv7`. An attempt may come hours later.
fn made_at(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_that_of_the_enqueue() {
        let id = "01990000-0000-7000-8000-000000000000".parse().unwrap();
        assert_eq!(made_at(id).unwrap().timestamp_millis(), 0x0199_0000_0000);
        assert_eq!(made_at(Uuid::nil()), None);
    }
}
