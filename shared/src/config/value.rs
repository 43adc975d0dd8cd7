//! Value types and parsers that several settings share.
//!
//! A parser's error says what the value should be, never what it is: values of
//! secrets pass through here too.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// The key that `.env.example` ships, so that a first start needs no thought.
/// Everybody knows it, so production refuses it.
pub const DEVELOPMENT_KEY: &str = "development-only-secret-do-not-use-in-production";

/// The example in the help of keys. It parses, so it may end up in a setting.
const EXAMPLE_KEY: &str = "at-least-32-bytes-from-openssl-rand-base64-48";

/// Shortest accepted key in bytes: the output size of HMAC-SHA256, below which
/// RFC 7518 § 3.2 forbids HS256.
const SHORTEST_KEY: usize = 32;

/// A secret that signs tokens: at least 32 bytes, never printed.
#[derive(Debug, Clone)]
pub struct SecretKey(SecretString);

impl SecretKey {
    /// The key's bytes, for the code that signs.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// Whether this is a key that everybody knows: [`DEVELOPMENT_KEY`], or the
    /// example in the help.
    #[must_use]
    pub fn is_for_development(&self) -> bool {
        [DEVELOPMENT_KEY, EXAMPLE_KEY].contains(&self.0.expose_secret())
    }
}

impl std::str::FromStr for SecretKey {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        if raw.len() < SHORTEST_KEY {
            return Err(format!(
                "is {} bytes long, but must have at least {SHORTEST_KEY}; make one with `openssl rand -base64 48`",
                raw.len()
            ));
        }
        Ok(Self(raw.into()))
    }
}

/// A secret of any length.
///
/// # Errors
/// Never; the signature is what clap wants.
#[expect(clippy::unnecessary_wraps, clippy::must_use_candidate, reason = "clap's parsers return a Result")]
pub fn secret(raw: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(raw.into())
}

/// A whole number of seconds from 1 up to a day short of what a
/// year holds: more is a typing error.
///
/// # Errors
/// When it is not such a number.
pub fn seconds(raw: &str) -> Result<Duration, String> {
    const MOST: u64 = 365 * 24 * 60 * 60;
    match raw.parse() {
        Ok(seconds @ 1..=MOST) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("must be a whole number of seconds from 1 to {MOST}")),
    }
}

/// An absolute `http` or `https` URL of a host alone, without the slash at its
/// end, so that paths can be put behind it. A path of its own is refused: pages
/// name each other and their style sheet from the root of the host.
///
/// # Errors
/// When it is not such a URL.
pub fn base_url(raw: &str) -> Result<String, String> {
    let wanted =
        "must be an absolute http:// or https:// URL without path or query, such as https://callboard.example.com";
    let url = url::Url::parse(raw).map_err(|_| wanted.to_owned())?;
    let is_fit = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_fit { Ok(url.as_str().trim_end_matches('/').to_owned()) } else { Err(wanted.to_owned()) }
}

/// An absolute `http` or `https` URL with or without a path, kept as it is
/// written: an endpoint of another server, or the name of an issuer.
///
/// # Errors
/// When it is not such a URL.
pub fn endpoint(raw: &str) -> Result<String, String> {
    let wanted = "must be an absolute http:// or https:// URL without user, query or fragment";
    let url = url::Url::parse(raw).map_err(|_| wanted.to_owned())?;
    let is_fit = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_fit { Ok(raw.to_owned()) } else { Err(wanted.to_owned()) }
}

/// Splits a comma-separated list; blanks around items don't count, empty items
/// are skipped.
pub(crate) fn list(raw: &str) -> impl Iterator<Item = &str> {
    raw.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_enough_and_never_printed() {
        let key: SecretKey = "k".repeat(32).parse().unwrap();
        assert!(!format!("{key:?}").contains("kk"), "{key:?}");
        assert!("k".repeat(31).parse::<SecretKey>().is_err());
        for known in [DEVELOPMENT_KEY, EXAMPLE_KEY] {
            assert!(known.parse::<SecretKey>().unwrap().is_for_development());
        }
    }

    #[test]
    fn seconds_are_whole_and_positive() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        for wrong in ["0", "-1", "1.5", "30s", "", "99999999999"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_base_url_takes_paths_behind_it() {
        assert_eq!(base_url("https://callboard.example/").as_deref(), Ok("https://callboard.example"));
        assert_eq!(base_url("http://127.0.0.1:8000").as_deref(), Ok("http://127.0.0.1:8000"));
        for wrong in [
            "callboard.example",
            "ftp://callboard.example",
            "https://u:p@callboard.example",
            "https://callboard.example/?a=1",
            "https://callboard.example/app",
            "https://callboard.example//",
        ] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }
}
