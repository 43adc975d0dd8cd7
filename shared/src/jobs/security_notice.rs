//! `email.security_notice`

use std::time::Duration;

use callboard_queue::{Job, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::Email;

/// Tells a user what was done to their account, in case it wasn't them.
///
/// Enqueue it in the transaction that does it: the mail gives the time of the
/// enqueue as that of the deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityNotice {
    /// Whose account.
    pub user_id: Uuid,
    /// What was done.
    pub notice: Notice,
    /// Where to, when it is not the address that the user has as the mail is
    /// written: the old one of who has got another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
}

/// What was done to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// By who knew the old one.
    PasswordChanged,
    /// By a link from a mail.
    PasswordReset,
    /// The new one was confirmed; say where the old one is.
    EmailChanged,
    /// A link went to the new address and was not opened yet.
    EmailChangeRequested,
    /// One that had been exchanged before: the session was ended.
    RefreshTokenReused,
    /// So many that further ones are slowed down.
    FailedLogins,
    /// Login asks for a code from now on.
    TotpEnabled,
    /// Login asks for no code any more.
    TotpDisabled,
    /// In place of a code of the app.
    RecoveryCodeUsed,
    /// An account of another provider can log in from now on.
    IdentityLinked,
    /// A program can act for the user from now on.
    ApiKeyCreated,
}

impl Job for SecurityNotice {
    const KIND: &'static str = "email.security_notice";
    const QUEUE: &'static str = super::MAIL_QUEUE;
    const MAX_ATTEMPTS: i16 = super::MAIL_ATTEMPTS;
    /// The sooner it is read, the less harm is done.
    const PRIORITY: Priority = Priority::High;
    const TIMEOUT: Duration = super::MAIL_TIMEOUT;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Rows of the ledger carry them.
    #[test]
    fn the_payload_is_stable() {
        let user_id = Uuid::nil();
        let notice = SecurityNotice { user_id, notice: Notice::RefreshTokenReused, email: None };
        let row = json!({ "user_id": user_id, "notice": "refresh_token_reused" });
        assert_eq!(serde_json::to_value(&notice).unwrap(), row);
        assert_eq!(serde_json::from_value::<SecurityNotice>(row).unwrap(), notice);
    }
}
