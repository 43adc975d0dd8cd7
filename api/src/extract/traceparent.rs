//! `traceparent`: the place of a request in somebody's trace (W3C Trace Context).

use axum::http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Length of version 00: `00-<trace id>-<parent id>-<flags>`.
const LENGTH: usize = 55;

/// The header in the form of version 00, or `None` where it is missing, given
/// twice, or not exactly as the standard has it.
///
/// Of a version to come, the part that we know is taken, with the one flag that we know.
pub(super) fn from_headers(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    parse(value.to_str().ok()?)
}

fn parse(value: &str) -> Option<String> {
    let known = value.get(..LENGTH)?;
    let mut parts = known.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_shaped = parts.next().is_none()
        && [(version, 2), (trace, 32), (parent, 16), (flags, 2)].into_iter().all(|(part, len)| is_hex(part, len))
        && [trace, parent].into_iter().all(|id| id.bytes().any(|digit| digit != b'0'));
    let rest = &value[LENGTH..];
    match version {
        "ff" => None,
        _ if !is_shaped => None,
        "00" => rest.is_empty().then(|| value.to_owned()),
        _ if rest.is_empty() || rest.starts_with('-') => {
            let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1;
            Some(format!("00-{trace}-{parent}-{is_sampled:02x}"))
        }
        _ => None,
    }
}

fn is_hex(part: &str, length: usize) -> bool {
    part.len() == length && part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_the_standard_has_is_taken() {
        assert_eq!(parse(GOOD).as_deref(), Some(GOOD));
        assert_eq!(parse(&GOOD.replace("-01", "-00")), Some(GOOD.replace("-01", "-00")));
    }

    #[test]
    fn of_a_version_to_come_the_known_part_is_taken() {
        assert_eq!(parse(&format!("cc{}", &GOOD[2..])).as_deref(), Some(GOOD));
        assert_eq!(parse(&format!("cc{}-what-ever", &GOOD[2..])).as_deref(), Some(GOOD));
        assert_eq!(parse(&format!("cc{}ff", &GOOD[2..GOOD.len() - 2])).as_deref(), Some(GOOD));
        assert_eq!(parse(&format!("cc{}.x", &GOOD[2..])), None);
    }

    #[test]
    fn anything_else_is_ignored() {
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-"),
            &format!("{GOOD}-00"),
            &format!("ff{}", &GOOD[2..]),
            &GOOD.to_uppercase(),
            &GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &GOOD.replace("b7ad6b7169203331", &"0".repeat(16)),
            &GOOD.replace("b7ad", "b7ag"),
            &GOOD.replace('-', "_"),
            &format!(" {GOOD}"),
            &"가".repeat(30),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_of_them_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert_eq!(from_headers(&headers).as_deref(), Some(GOOD));
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert_eq!(from_headers(&headers), None);
    }
}
