//! Which web pages of other origins may call the API.

use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue, Method};
use clap::{ArgAction, Args, builder::BoolishValueParser};

use super::{Findings, value};

/// Cross-origin requests. Without `CORS_ORIGINS` no other origin is allowed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "CORS")]
pub struct CorsConfig {
    /// Origins that may call the API from a browser, separated by commas, or
    /// `*` for any. An origin that is not listed is never reflected.
    #[arg(
        long = "cors-origins",
        env = "CORS_ORIGINS",
        default_value = "",
        hide_default_value = true,
        value_name = "https://app.example.com,…"
    )]
    pub origins: Origins,

    /// Methods that such a page may use, separated by commas.
    #[arg(
        long = "cors-methods",
        env = "CORS_METHODS",
        default_value = "GET,POST,PUT,PATCH,DELETE",
        value_name = "METHOD,…"
    )]
    pub methods: Methods,

    /// Request headers that such a page may send, separated by commas.
    #[arg(
        long = "cors-headers",
        env = "CORS_HEADERS",
        default_value = "Authorization,Content-Type,If-Match,If-None-Match,Idempotency-Key,X-Request-ID",
        value_name = "HEADER,…"
    )]
    pub headers: HeaderNames,

    /// Whether such a page may send cookies and other credentials of the browser.
    #[arg(
        long = "cors-credentials",
        env = "CORS_CREDENTIALS",
        default_value = "false",
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new(),
        value_name = "true|false"
    )]
    pub credentials: bool,
}

impl CorsConfig {
    /// Finds what does not fit together.
    pub fn check(&self, findings: &mut Findings) {
        if self.credentials && self.origins == Origins::Any {
            findings.problem(
                &["CORS_CREDENTIALS", "CORS_ORIGINS"],
                "any origin (*) with credentials would let every web page act as the person who visits it; \
                 browsers refuse it too",
                "CORS_ORIGINS=https://app.example.com",
            );
        }
        if self.credentials && self.headers.0.iter().any(|name| name.as_str() == "*") {
            findings.problem(
                &["CORS_CREDENTIALS", "CORS_HEADERS"],
                "with credentials, browsers take * for the name of a header, not for any",
                "CORS_HEADERS=Authorization,Content-Type",
            );
        }
    }
}

/// The origins that may call the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// `*`.
    Any,
    /// These, as browsers send them in `Origin`; none when empty.
    Listed(Vec<HeaderValue>),
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        if raw.trim() == "*" {
            return Ok(Self::Any);
        }
        value::list(raw).map(origin).collect::<Result<_, _>>().map(Self::Listed)
    }
}

/// Parses one origin. What a browser sends is exactly the ASCII form of scheme,
/// host and port; an entry with a path or a capital letter would never match.
fn origin(raw: &str) -> Result<HeaderValue, String> {
    let ascii = url::Url::parse(raw)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(|url| url.origin().ascii_serialization())
        .filter(|ascii| ascii == raw);
    ascii.and_then(|ascii| HeaderValue::from_str(&ascii).ok()).ok_or_else(|| {
        "must be origins such as https://app.example.com (scheme, host, and the port where it is not \
         the usual one; no path), separated by commas"
            .to_owned()
    })
}

/// Methods from a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods(pub Vec<Method>);

impl FromStr for Methods {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        let known = |name: &str| {
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
                .into_iter()
                .find(|method| method.as_str() == name)
                .ok_or_else(|| "must be HTTP methods in capital letters, separated by commas".to_owned())
        };
        value::list(raw).map(known).collect::<Result<_, _>>().map(Self)
    }
}

/// Header names from a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderNames(pub Vec<HeaderName>);

impl FromStr for HeaderNames {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        value::list(raw)
            .map(|name| name.parse().map_err(|_| "must be header names, separated by commas".to_owned()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layer that is made of these settings would panic.
    #[test]
    fn wildcards_do_not_go_with_credentials() {
        let config = |origins: &str, headers: &str| CorsConfig {
            origins: origins.parse().unwrap(),
            methods: "GET".parse().unwrap(),
            headers: headers.parse().unwrap(),
            credentials: true,
        };
        let is_fit = |config: CorsConfig| {
            let mut findings = Findings::default();
            config.check(&mut findings);
            findings.into_result().is_ok()
        };
        assert!(is_fit(config("https://app.example.com", "Authorization")));
        assert!(!is_fit(config("https://app.example.com", "*")));
        assert!(!is_fit(config("*", "Authorization")));
        assert!("*".parse::<Methods>().is_err());
    }

    #[test]
    fn origins_are_what_browsers_send() {
        let listed: Origins = "https://app.example.com, http://localhost:5173".parse().unwrap();
        assert!(matches!(listed, Origins::Listed(origins) if origins.len() == 2));
        assert_eq!("*".parse(), Ok(Origins::Any));
        assert_eq!("".parse(), Ok(Origins::Listed(Vec::new())));
        for wrong in [
            "https://app.example.com/",
            "https://App.example.com",
            "app.example.com",
            "https://a.example,*",
            "null",
            "https://a.example:443",
        ] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
