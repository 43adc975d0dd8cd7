//! One mail as it was received.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use mailparse::{MailHeaderMap, ParsedMail};

/// A mail that the server has accepted.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Which one it is, counted from 1 since the server started.
    pub number: u64,
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The message as it was sent, without SMTP's dot stuffing.
    pub raw: Vec<u8>,
    /// When it was accepted.
    pub received_at: SystemTime,
    /// Where it was written, if the server has a folder.
    pub file: Option<PathBuf>,
}

impl Mail {
    /// Whether this address is among the recipients; case doesn't matter.
    #[must_use]
    pub fn is_to(&self, recipient: &str) -> bool {
        self.to.iter().any(|to| to.eq_ignore_ascii_case(recipient))
    }

    /// A header's first value, decoded, such as that of `Subject`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.parsed()?.headers.get_first_value(name)
    }

    /// The subject, decoded; empty if there is none.
    #[must_use]
    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    /// The plain text, with its transfer encoding and character set decoded.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        self.body("text/plain")
    }

    /// The HTML, decoded likewise.
    #[must_use]
    pub fn html(&self) -> Option<String> {
        self.body("text/html")
    }

    /// The first `http` link in the plain text.
    #[must_use]
    pub fn first_link(&self) -> Option<String> {
        first_link(&self.text()?).map(str::to_owned)
    }

    /// Milliseconds since 1970 when it was accepted.
    pub(super) fn received_millis(&self) -> u128 {
        self.received_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
    }

    /// Recipients and subject, for messages of failed tests.
    pub(super) fn summary(&self) -> String {
        format!("{:?} to {}", self.subject(), self.to.join(" and "))
    }

    fn body(&self, kind: &str) -> Option<String> {
        let parsed = self.parsed()?;
        let part = parsed.parts().find(|part| part.ctype.mimetype == kind)?;
        part.get_body().ok()
    }

    fn parsed(&self) -> Option<ParsedMail<'_>> {
        mailparse::parse_mail(&self.raw).ok()
    }
}

fn first_link(text: &str) -> Option<&str> {
    let start = ["http://", "https://"].iter().filter_map(|scheme| text.find(scheme)).min()?;
    let link = &text[start..];
    let end = link.find(|c: char| c.is_whitespace() || "<>\"'".contains(c)).unwrap_or(link.len());
    // A sentence may end right after it.
    Some(link[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']))
}
