//! `email.invitation`

use std::time::Duration;

use callboard_queue::{Job, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Tells somebody that an account was made for them, with the link that sets
/// its first password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Whose account.
    pub user_id: Uuid,
    /// The row of the token, in `password_reset_tokens`.
    pub token_id: Uuid,
}

impl Job for Invitation {
    const KIND: &'static str = "email.invitation";
    const QUEUE: &'static str = super::MAIL_QUEUE;
    const MAX_ATTEMPTS: i16 = super::MAIL_ATTEMPTS;
    /// The admin and the newcomer may sit at the same table.
    const PRIORITY: Priority = Priority::High;
    const TIMEOUT: Duration = super::MAIL_TIMEOUT;
}
