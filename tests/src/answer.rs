//! What the API answered, and what every answer must be.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::collections::BTreeSet;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads an answer to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the body arrives in whole").to_vec();
        Self { status, headers, body }
    }

    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are ASCII"))
    }

    /// The names in a header that is a list, such as `Allow`.
    #[must_use]
    pub fn list(&self, name: &str) -> BTreeSet<String> {
        let values = self.headers.get_all(name).iter().map(|value| value.to_str().expect("headers are ASCII"));
        let items = values.flat_map(|value| value.split(',').map(|item| item.trim().to_owned()));
        items.filter(|item| !item.is_empty()).collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// This answer, which must have this status.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The problem that this answer must be: of the given status and code, with
    /// all that RFC 9457 and the API's own conventions ask for.
    #[track_caller]
    #[must_use]
    pub fn problem(&self, status: u16, code: &str) -> Problem {
        let problem = self.any_problem();
        assert_eq!((self.status, problem.code()), (status, code), "{}", problem.0);
        problem
    }

    /// The problem that this answer must be, whichever it is.
    #[track_caller]
    #[must_use]
    pub fn any_problem(&self) -> Problem {
        let shown = String::from_utf8_lossy(&self.body);
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/problem+json", "{} {shown}", self.status);
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"));
        assert_eq!(body["status"], self.status, "{body}");
        assert!((400..600).contains(&self.status), "{body}");
        assert!(text("type").ends_with(&format!("/problems/{}", text("code"))), "{body}");
        assert!(!text("title").is_empty() && !text("detail").is_empty(), "{body}");
        assert!(text("instance").starts_with('/'), "{body}");
        assert_eq!(text("request_id"), self.header("x-request-id"), "{body}");
        assert!(!text("request_id").is_empty());
        for error in body["errors"].as_array().into_iter().flatten() {
            let is_placed = error["pointer"].as_str().is_some_and(|pointer| pointer.starts_with('#'))
                != error["parameter"].is_string();
            assert!(is_placed && error["code"].is_string() && error["detail"].is_string(), "{body}");
        }
        assert_eq!(self.header("content-language"), if is_korean(text("title")) { "ko" } else { "en" }, "{body}");
        Problem(body)
    }
}

/// Whether a text has Korean letters.
#[must_use]
pub fn is_korean(text: &str) -> bool {
    text.chars().any(|letter| ('가'..='힣').contains(&letter))
}

/// The body of a problem.
#[derive(Debug, Clone)]
pub struct Problem(pub Value);

impl Problem {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0["code"].as_str().unwrap_or_default()
    }

    /// The places at fault with their codes, as `#/email too_long`.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let errors = self.0["errors"].as_array().into_iter().flatten();
        errors
            .map(|error| {
                let place = error["pointer"].as_str().or(error["parameter"].as_str()).unwrap_or_default();
                format!("{place} {}", error["code"].as_str().unwrap_or_default())
            })
            .collect()
    }
}
