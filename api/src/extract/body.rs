//! Reading a request's body: bounded in size and in time, and text.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, header},
};
use futures::StreamExt;

use crate::{
    error::{Code, Problem, Text},
    middleware::unpack::Unpacked,
};

/// How much of a body that is too large is read before its sender is cut off.
const THROWN_AWAY: usize = 8 << 20;

/// How much of a body is read, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Largest body, in bytes; of a compressed one, after unpacking.
    pub max_bytes: usize,
    /// Longest time from the first to the last byte.
    pub read_timeout: Duration,
}

impl BodyLimits {
    /// Reads the whole body as UTF-8.
    ///
    /// # Errors
    /// 415 for a body that is compressed other than by gzip, 413 past the size
    /// limit, 408 past the time limit, 400 when the body breaks off, is no gzip
    /// though it says so, or is not UTF-8.
    pub async fn read_text(&self, request: Request) -> Result<String, Problem> {
        let (parts, body) = request.into_parts();
        refuse_encoded(&parts.headers)?;
        let asks_first = parts.headers.contains_key(header::EXPECT);
        if asks_first && declared_length(&parts.headers).is_some_and(|length| length > self.max_bytes) {
            return Err(self.too_large());
        }
        let is_unpacked = parts.extensions.get::<Unpacked>().is_some();
        let bytes = tokio::time::timeout(self.read_timeout, self.collect(body))
            .await
            .map_err(|_| Problem::new(Code::RequestTimeout))?
            .map_err(|fault| match fault {
                Fault::TooLarge => self.too_large(),
                Fault::BrokenOff if is_unpacked => no_gzip(),
                Fault::BrokenOff => broken_off(),
            })?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Problem::new(Code::InvalidUtf8).with_detail(Text::new(
                format!("The body is not valid UTF-8: byte {at} is the first at fault."),
                format!("본문이 올바른 UTF-8이 아닙니다. {at}번째 바이트부터 잘못되었습니다."),
            ))
        })
    }

    /// What is too large is read on for a while and thrown away: most clients look
    /// for the answer only once they have sent everything.
    async fn collect(&self, body: Body) -> Result<Vec<u8>, Fault> {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        let mut read = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Fault::BrokenOff)?;
            read += chunk.len();
            if read <= self.max_bytes {
                bytes.extend_from_slice(&chunk);
            } else if read > self.max_bytes + THROWN_AWAY {
                break;
            }
        }
        if read <= self.max_bytes { Ok(bytes) } else { Err(Fault::TooLarge) }
    }

    fn too_large(&self) -> Problem {
        let limit = self.max_bytes;
        Problem::new(Code::BodyTooLarge).with_detail(Text::new(
            format!("The body is larger than {limit} bytes."),
            format!("본문이 {limit}바이트보다 큽니다."),
        ))
    }
}

/// Why a body could not be read to its end.
enum Fault {
    TooLarge,
    BrokenOff,
}

/// What is still encoded here was not unpacked by [`unpack`](crate::middleware::unpack).
fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Problem::new(Code::UnsupportedMediaType).with_detail(Text::fixed(
                "The body's Content-Encoding is not taken. Send it as gzip, or without one.",
                "받지 않는 Content-Encoding입니다. gzip으로 보내거나 Content-Encoding 없이 보내세요.",
            )))
        }
        _ => Ok(()),
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    // A length too large to be a number is too large for any limit.
    Some(length.parse().unwrap_or(usize::MAX))
}

fn broken_off() -> Problem {
    Problem::new(Code::MalformedRequest)
        .with_detail(Text::fixed("The body broke off before its end.", "본문이 끝나기 전에 끊겼습니다."))
}

fn no_gzip() -> Problem {
    Problem::new(Code::MalformedRequest).with_detail(Text::fixed(
        "The body is not valid gzip, or it broke off before its end.",
        "본문이 올바른 gzip이 아니거나 끝나기 전에 끊겼습니다.",
    ))
}

/// A `Content-Type` without its parameters, in lower case; `None` when the
/// header is missing, not text, or names a charset other than UTF-8.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next()?.to_ascii_lowercase();
    let foreign = parts
        .map(str::to_ascii_lowercase)
        .filter_map(|part| Some(part.strip_prefix("charset=")?.trim_matches('"').to_owned()))
        .any(|charset| charset != "utf-8" && charset != "utf8");
    (!foreign).then_some(essence)
}
