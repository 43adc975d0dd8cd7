//! What handlers work with.

use callboard_shared::config::TokenKeyConfig;
use callboard_shared::domain::{MailKey, TokenPurpose};
use sqlx::PgPool;
use uuid::Uuid;

use crate::mail::Mailer;

/// What handlers work with; each takes what it needs.
#[derive(Debug, Clone)]
pub struct Context {
    /// PostgreSQL.
    pub pool: PgPool,
    /// Outgoing mail.
    pub mailer: Mailer,
    /// Links for mails.
    pub links: Links,
    /// For how many days the audit log is kept.
    pub audit_log_days: u16,
}

/// Makes the links in mails, from settings and never from a request: whoever
/// sends a request could otherwise choose where they lead.
#[derive(Debug, Clone)]
pub struct Links {
    public_url: String,
    verify_email: MailKey,
    reset_password: MailKey,
    change_email: MailKey,
}

impl Links {
    /// Links below `public_url`, which has no slash at its end.
    #[must_use]
    pub fn new(public_url: String, keys: &TokenKeyConfig) -> Self {
        Self {
            public_url,
            verify_email: keys.mail_key(TokenPurpose::VerifyEmail),
            reset_password: keys.mail_key(TokenPurpose::ResetPassword),
            change_email: keys.mail_key(TokenPurpose::ChangeEmail),
        }
    }

    /// The page that does what a token is for, by the token's id. Whoever has
    /// the link can use it, so it goes into the mail and nowhere else.
    #[must_use]
    pub fn link(&self, purpose: TokenPurpose, token_id: Uuid) -> String {
        let (page, key) = match purpose {
            TokenPurpose::VerifyEmail => ("verify-email", &self.verify_email),
            TokenPurpose::ResetPassword => ("reset-password", &self.reset_password),
            TokenPurpose::ChangeEmail => ("confirm-email", &self.change_email),
        };
        format!("{}/api/v1/auth/{page}?token={}", self.public_url, key.token(token_id).expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_the_token_of_its_id() {
        let keys = TokenKeyConfig { token_key: "a secret that is long enough for it".parse().unwrap() };
        let id = Uuid::now_v7();
        let links = Links::new("https://callboard.example".to_owned(), &keys);
        for (purpose, page) in [
            (TokenPurpose::VerifyEmail, "verify-email"),
            (TokenPurpose::ResetPassword, "reset-password"),
            (TokenPurpose::ChangeEmail, "confirm-email"),
        ] {
            let link = links.link(purpose, id);
            let start = format!("https://callboard.example/api/v1/auth/{page}?token=");
            let token = link.strip_prefix(&start).unwrap();
            assert_eq!(token.parse(), Ok(keys.mail_key(purpose).token(id)));
            assert!(!format!("{links:?}").contains(token));
        }
    }
}
