//! `If-Match` and `If-None-Match` (RFC 9110 § 13), and the `ETag` they speak of.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};

use crate::error::{Code, Problem, Text};

/// The strong `ETag` of a version.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// What a request demands of the version it meets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    /// Those listed, without the mark of weakness: proxies that compress make
    /// our strong tags weak.
    Listed(Vec<String>),
}

impl Tags {
    fn include(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| *tag == etag(version)),
        }
    }

    /// The header's tags; all its lines are one list.
    fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut listed = Vec::new();
        for line in headers.get_all(name) {
            let line = line.to_str().map_err(|_| malformed(name))?;
            if line.trim() == "*" {
                return Ok(Some(Self::Any));
            }
            // Our tags have no commas, so a tag that has one is none of ours.
            for tag in line.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                let opaque = tag.strip_prefix("W/").unwrap_or(tag);
                let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                // What is between the quotes of a tag has no quotes and no blanks.
                if !inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')) {
                    return Err(malformed(name));
                }
                listed.push(opaque.to_owned());
            }
        }
        match (headers.contains_key(name), listed.is_empty()) {
            (true, true) => Err(malformed(name)),
            (true, false) => Ok(Some(Self::Listed(listed))),
            (false, _) => Ok(None),
        }
    }
}

fn malformed(name: &HeaderName) -> Problem {
    Problem::new(Code::MalformedRequest).with_detail(Text::new(
        format!("The header {name} is a list of quoted entity tags, such as \"v7\", or *."),
        format!("{name} 헤더는 \"v7\"처럼 따옴표로 묶은 엔터티 태그의 목록이거나 *여야 합니다."),
    ))
}

impl Preconditions {
    /// Whether a change of this version may go on.
    ///
    /// # Errors
    /// 412 when `If-Match` names only other versions.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        match &self.if_match {
            Some(tags) if !tags.include(version) => Err(Problem::new(Code::PreconditionFailed)),
            _ => Ok(()),
        }
    }

    /// Whether the client has this version already.
    #[must_use]
    pub fn has(&self, version: i64) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.include(version))
    }
}

impl<S: Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self {
            if_match: Tags::of(&parts.headers, &header::IF_MATCH)?,
            if_none_match: Tags::of(&parts.headers, &header::IF_NONE_MATCH)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(lines: &[&str]) -> Result<Preconditions, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        Ok(Preconditions { if_match: Tags::of(&headers, &header::IF_MATCH)?, if_none_match: None })
    }

    #[test]
    fn a_change_goes_on_for_the_named_version_only() {
        for lines in [&["\"v7\""][..], &["W/\"v7\""], &["*"], &["\"v1\", \"v7\""], &["\"v1\"", "\"v7\""], &[]] {
            assert!(if_match(lines).unwrap().check(7).is_ok(), "{lines:?}");
        }
        for lines in [&["\"v8\""][..], &["\"7\""], &["\"v1\", \"v2\""]] {
            assert_eq!(if_match(lines).unwrap().check(7).unwrap_err().code(), Code::PreconditionFailed, "{lines:?}");
        }
        for lines in ["v7", "\"v7", "'v7'", "\"", "", " , ", "\"v 7\"", "\"v\"7\""] {
            assert_eq!(if_match(&[lines]).unwrap_err().code(), Code::MalformedRequest, "{lines}");
        }
    }
}
