//! The language a client prefers, from `Accept-Language`.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use callboard_shared::domain::Locale;

/// The best of the languages we speak; English when none is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language(pub Locale);

impl Language {
    /// Reads `Accept-Language` with its weights (`ko-KR,ko;q=0.9,en;q=0.8`).
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let weight_of =
            |wanted: &str| accepted.split(',').filter_map(|range| weight(range, wanted)).fold(0.0, f32::max);
        // A tie goes to English: `*` alone, or nothing, asks for neither.
        if weight_of("ko") > weight_of("en") { Self(Locale::Ko) } else { Self(Locale::En) }
    }
}

/// The weight that one range (`ko-KR;q=0.9`) gives to `wanted`, if it matches.
fn weight(range: &str, wanted: &str) -> Option<f32> {
    let mut parts = range.split(';').map(str::trim);
    let primary = parts.next()?.split('-').next()?;
    if !primary.eq_ignore_ascii_case(wanted) && primary != "*" {
        return None;
    }
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    quality.map_or(Some(1.0), |q| q.trim().parse().ok())
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accepted: &str) -> Locale {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
        Language::from_headers(&headers).0
    }

    #[test]
    fn the_heaviest_language_wins() {
        assert_eq!(chosen("ko"), Locale::Ko);
        assert_eq!(chosen("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"), Locale::Ko);
        assert_eq!(chosen("en-GB, ko;q=0.9"), Locale::En);
        assert_eq!(chosen("fr, ko;q=0.2"), Locale::Ko);
        assert_eq!(chosen("fr"), Locale::En);
        assert_eq!(chosen("*"), Locale::En);
        assert_eq!(chosen("ko;q=x"), Locale::En);
        assert_eq!(Language::from_headers(&HeaderMap::new()).0, Locale::En);
    }
}
