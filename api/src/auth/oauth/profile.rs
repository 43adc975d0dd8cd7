//! Who a provider says somebody is.

use callboard_shared::domain::{Email, PersonName};

use super::error::ProviderError;

/// Longest subject that is taken; `OpenID` Connect has it at 255.
const LONGEST_SUBJECT: usize = 255;

/// Who somebody is at a provider. What the provider says of name and address
/// was parsed as if they had typed it; what is no such thing is left out.
#[derive(Debug)]
pub struct Profile {
    /// Who it is there; stable, unlike the address.
    pub subject: String,
    /// Their address.
    pub email: Option<Email>,
    /// Whether the provider has seen that the address is theirs.
    pub is_email_verified: bool,
    /// Their name.
    pub name: Option<PersonName>,
}

impl Profile {
    /// A profile of what a provider says.
    pub(super) fn new(
        subject: &str,
        email: Option<&str>,
        is_email_verified: bool,
        name: Option<&str>,
    ) -> Result<Self, ProviderError> {
        let is_fit = (1..=LONGEST_SUBJECT).contains(&subject.chars().count()) && !subject.contains(char::is_control);
        if !is_fit {
            return Err(ProviderError::Unusable("a subject that is empty, too long or no text".to_owned()));
        }
        Ok(Self {
            subject: subject.to_owned(),
            email: email.and_then(|email| email.parse().ok()),
            is_email_verified,
            name: name.and_then(|name| name.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hostile_is_left_out() {
        let profile = Profile::new("1", Some("a@example.com\r\nBcc: x"), true, Some("Ada\u{202e}")).unwrap();
        assert!(profile.email.is_none() && profile.name.is_none());
        for subject in ["", "a\0b", &"x".repeat(256)] {
            assert!(Profile::new(subject, None, false, None).is_err(), "{subject:?}");
        }
    }
}
