//! A letter before it is sent.

use callboard_shared::domain::{Email, Locale, PersonName};
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use uuid::Uuid;

use super::SendError;

/// What a letter says.
#[derive(Clone)]
pub struct Letter {
    /// The line in the list of mails.
    pub subject: String,
    /// For programs that show text only.
    pub text: String,
    /// The same for all others.
    pub html: String,
    /// The language of all three.
    pub locale: Locale,
}

/// Whom a letter goes to.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The name before the address.
    pub name: Option<&'a PersonName>,
    /// The address.
    pub email: &'a Email,
}

impl Recipient<'_> {
    fn mailbox(self) -> Result<Mailbox, SendError> {
        let address: Address = self
            .email
            .as_str()
            .parse()
            .map_err(|_| SendError::Refused("SMTP knows no way to write this address".to_owned()))?;
        Ok(Mailbox::new(self.name.map(|name| name.as_str().to_owned()), address))
    }
}

impl Letter {
    /// The letter as it goes out.
    ///
    /// `Message-ID` is made from the job's id: should the worker die between
    /// sending and noting it, the second copy bears the same, and mail programs
    /// show one. `Auto-Submitted` keeps absence notes from being sent back.
    pub(super) fn address(self, job_id: Uuid, from: &Mailbox, to: Recipient<'_>) -> Result<Message, SendError> {
        let message_id = format!("<{job_id}@{}>", from.email.domain());
        Message::builder()
            .from(from.clone())
            .to(to.mailbox()?)
            .subject(self.subject)
            .date_now()
            .message_id(Some(message_id))
            .header(AutoSubmitted)
            .header(ContentLanguage(self.locale))
            .multipart(
                // The last part is the one that is preferred.
                MultiPart::alternative()
                    .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(self.text))
                    .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(self.html)),
            )
            .map_err(|error| SendError::Failed(format!("the letter can't be written: {error}")))
    }
}

/// `Auto-Submitted: auto-generated`, RFC 3834.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// `Content-Language`, RFC 3282.
#[derive(Clone)]
struct ContentLanguage(Locale);

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(raw: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(raw.parse()?))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            subject: "이메일 주소를 인증해 주세요".to_owned(),
            text: "text".to_owned(),
            html: "<p>html</p>".to_owned(),
            locale: Locale::Ko,
        }
    }

    fn write(name: Option<&str>, email: &str, job_id: Uuid) -> Message {
        let name = name.map(|name| name.parse().unwrap());
        let email = email.parse().unwrap();
        let from = "Callboard <no-reply@callboard.example>".parse().unwrap();
        letter().address(job_id, &from, Recipient { name: name.as_ref(), email: &email }).unwrap()
    }

    fn header_lines(message: &Message) -> Vec<String> {
        let text = String::from_utf8(message.formatted()).unwrap();
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        headers.replace("\r\n ", " ").split("\r\n").map(ToOwned::to_owned).collect()
    }

    #[test]
    fn it_says_what_it_is() {
        let id = Uuid::now_v7();
        let lines = header_lines(&write(Some("홍길동"), "gildong@example.com", id));
        assert!(lines.contains(&format!("Message-ID: <{id}@callboard.example>")), "{lines:#?}");
        assert!(lines.contains(&"Auto-Submitted: auto-generated".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"Content-Language: ko".to_owned()), "{lines:#?}");
        for name in ["From: ", "To: ", "Subject: =?utf-8?", "Date: ", "Content-Type: multipart/alternative"] {
            assert_eq!(lines.iter().filter(|line| line.starts_with(name)).count(), 1, "{name}: {lines:#?}");
        }
    }

    /// What a name may hold is decided where it is parsed; these get that far.
    #[test]
    fn a_name_can_not_add_headers_or_recipients() {
        let hostile = [
            r#"Eve" <eve@evil.example>, "Ada"#,
            "Eve <eve@evil.example>, x",
            "Bcc: eve@evil.example",
            r"Eve\",
            "=?utf-8?q?Eve=0D=0ABcc:_eve@evil.example?=",
            "(comment) group: eve@evil.example;",
            &"가".repeat(200),
        ];
        for name in hostile {
            let message = write(Some(name), "ada@example.com", Uuid::now_v7());
            let envelope: Vec<_> = message.envelope().to().iter().map(ToString::to_string).collect();
            assert_eq!(envelope, ["ada@example.com"], "{name}");
            let lines = header_lines(&message);
            assert!(!lines.iter().any(|line| line.starts_with("Bcc")), "{lines:#?}");
            let to = lines.iter().find(|line| line.starts_with("To: ")).unwrap();
            assert!(to.ends_with("<ada@example.com>"), "{to}");
        }
    }

    #[test]
    fn a_line_break_does_not_even_become_a_name() {
        assert!("Ada\r\nBcc: eve@evil.example".parse::<PersonName>().is_err());
        assert!("ada@example.com\r\nBcc: eve@evil.example".parse::<Email>().is_err());
    }

    #[test]
    fn an_address_beyond_ascii_can_be_written() {
        let message = write(None, "길동@example.com", Uuid::now_v7());
        assert_eq!(message.envelope().to()[0].to_string(), "길동@example.com");
    }
}
