//! What handlers work with.

use callboard_shared::domain::VerificationKey;
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
}

/// Makes the links in mails, from settings and never from a request: whoever
/// sends a request could otherwise choose where they lead.
#[derive(Debug, Clone)]
pub struct Links {
    public_url: String,
    key: VerificationKey,
}

impl Links {
    /// Links below `public_url`, which has no slash at its end.
    #[must_use]
    pub fn new(public_url: String, key: VerificationKey) -> Self {
        Self { public_url, key }
    }

    /// The page that proves an address, for the token of this id. Whoever has
    /// the link can use it, so it goes into the mail and nowhere else.
    #[must_use]
    pub fn verify_email(&self, token_id: Uuid) -> String {
        let token = self.key.token(token_id).expose();
        format!("{}/api/v1/auth/verify-email?token={token}", self.public_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_the_token_of_its_id() {
        let key = VerificationKey::derive(b"a secret");
        let id = Uuid::now_v7();
        let links = Links::new("https://callboard.example".to_owned(), key.clone());
        let link = links.verify_email(id);
        let token = link.strip_prefix("https://callboard.example/api/v1/auth/verify-email?token=").unwrap();
        assert_eq!(token.parse(), Ok(key.token(id)));
        assert!(!format!("{links:?}").contains(token));
    }
}
