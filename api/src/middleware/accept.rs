//! Refuses requests whose `Accept` excludes all that a route can give: 406.

use axum::{
    extract::Request,
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::error::{Code, Problem};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
/// What routes give besides that also take a form.
const PAGE: &str = "text/html";

/// The middleware of the routes that give JSON. Probes and what stands outside of
/// `/api` are not so strict.
pub async fn json(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_strict = request.uri().path().starts_with("/api/");
    // Whoever sends a form may be answered with a page.
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|media| media.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let is_acceptable = [JSON, PROBLEM].into_iter().any(|media| accepts(headers, media));
    if !is_strict || is_acceptable || (is_form && accepts(headers, PAGE)) {
        next.run(request).await
    } else {
        Problem::new(Code::NotAcceptable).into_response()
    }
}

/// Whether the client takes this media type. A missing header, and one without a
/// single media range, ask for nothing.
fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut ranges = lines.flat_map(|line| line.split(',')).filter_map(Range::parse).peekable();
    if ranges.peek().is_none() {
        return true;
    }
    // The narrowest range that matches decides, so `*/*, application/json;q=0` takes no JSON.
    let matching = ranges.filter_map(|range| Some((range.precision(media)?, range.is_wanted)));
    matching.max().is_some_and(|(_, is_wanted)| is_wanted)
}

/// One media range, `application/*;q=0.5`. Parameters of the type itself don't count:
/// JSON has none that mean something.
struct Range<'a> {
    r#type: &'a str,
    subtype: &'a str,
    is_wanted: bool,
}

impl<'a> Range<'a> {
    fn parse(range: &'a str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let (r#type, subtype) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // A weight that is no number counts as the usual one.
        let is_wanted = weight.and_then(|weight| weight.trim().parse::<f32>().ok()).is_none_or(|weight| weight > 0.0);
        let is_range = !r#type.is_empty() && !subtype.is_empty();
        is_range.then_some(Self { r#type, subtype, is_wanted })
    }

    /// How narrowly this matches `media`: 0 by `*/*`, 1 by type, 2 by subtype.
    fn precision(&self, media: &str) -> Option<u8> {
        let (r#type, subtype) = media.split_once('/')?;
        match (self.r#type, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(r#type) => Some(1),
            (own, sub) if own.eq_ignore_ascii_case(r#type) && sub.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_json(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, line.parse().unwrap());
        }
        [JSON, PROBLEM].into_iter().any(|media| accepts(&headers, media))
    }

    #[test]
    fn whoever_takes_json_in_any_way_gets_it() {
        for accept in [
            "",
            "*/*",
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/*",
            "application/problem+json",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/html, application/json;q=0.1",
            "*/*;q=0, application/json",
            "application/json;q=0, */*",
            "nonsense",
        ] {
            assert!(takes_json(&[accept]), "{accept}");
        }
        assert!(takes_json(&[]));
        assert!(takes_json(&["text/html", "application/json"]), "several lines are one list");
    }

    #[test]
    fn whoever_excludes_json_is_refused() {
        for accept in [
            "text/html",
            "text/*, image/png",
            "application/xml",
            "application/json;q=0",
            "*/*;q=0",
            "application/json;q=0.000, application/problem+json; q=0, */*",
            "application/*;q=0, */*",
            "text/html, nonsense",
        ] {
            assert!(!takes_json(&[accept]), "{accept}");
        }
    }
}
