//! Every error code the API can answer with: the one table.
//!
//! A code is stable: clients switch on it. Its `type` URL, `/problems/<code>`,
//! resolves to a page made from the same row.

use axum::http::StatusCode;

use super::Text;

macro_rules! catalogue {
    ($($code:ident = $slug:literal, $status:ident
        { $en_title:literal, $en:literal }
        { $ko_title:literal, $ko:literal })+) => {
        /// A stable error code of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $en] $code,)+
        }

        impl Code {
            /// Every code, in the order of their statuses.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// What the code means.
            #[must_use]
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$code => Entry {
                        slug: $slug,
                        status: StatusCode::$status,
                        title: Text::fixed($en_title, $ko_title),
                        explanation: Text::fixed($en, $ko),
                    },)+
                }
            }
        }
    };
}

/// One row of the catalogue.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The code as clients see it: stable `snake_case`.
    pub slug: &'static str,
    /// The status it is answered with.
    pub status: StatusCode,
    /// A short name of the problem, the same each time it occurs.
    pub title: Text,
    /// What happened and what a client can do; also the default `detail`.
    pub explanation: Text,
}

catalogue! {
    MalformedRequest = "malformed_request", BAD_REQUEST
        { "Malformed request", "The request could not be understood. Check its path, its encoding and its form fields." }
        { "잘못된 요청", "요청을 해석할 수 없습니다. 경로, 인코딩, 폼 필드를 확인하세요." }
    MalformedJson = "malformed_json", BAD_REQUEST
        { "Malformed JSON", "The body is not valid JSON. The detail names the line and column where reading stopped." }
        { "잘못된 JSON", "본문이 올바른 JSON이 아닙니다. 읽기가 멈춘 줄과 열은 detail에 있습니다." }
    InvalidUtf8 = "invalid_utf8", BAD_REQUEST
        { "Invalid UTF-8", "The body is not valid UTF-8. Send text in UTF-8 only." }
        { "잘못된 UTF-8", "본문이 올바른 UTF-8이 아닙니다. UTF-8로만 보내세요." }
    UnknownParameter = "unknown_parameter", BAD_REQUEST
        { "Unknown query parameter", "The URL has a query parameter that this route does not take. It is refused so that a typo is never silently ignored." }
        { "알 수 없는 쿼리 매개변수", "이 경로가 받지 않는 쿼리 매개변수가 있습니다. 오타가 조용히 무시되지 않도록 거부합니다." }
    InvalidParameter = "invalid_parameter", BAD_REQUEST
        { "Invalid query parameter", "A query parameter is missing, given twice, or has a value that this route does not take." }
        { "잘못된 쿼리 매개변수", "쿼리 매개변수가 없거나, 두 번 주어졌거나, 허용되지 않는 값입니다." }
    TokenInvalid = "verification_token_invalid", BAD_REQUEST
        { "Unknown verification link", "The verification token is not one we know. Follow the whole link from the mail, or ask for another." }
        { "알 수 없는 인증 링크", "알 수 없는 인증 토큰입니다. 메일의 링크 전체를 사용하거나 새 메일을 요청하세요." }
    TokenExpired = "verification_token_expired", BAD_REQUEST
        { "Expired verification link", "The verification token has expired. Ask for another with POST /api/v1/auth/resend-verification." }
        { "만료된 인증 링크", "인증 토큰이 만료되었습니다. POST /api/v1/auth/resend-verification 으로 새로 요청하세요." }
    Unauthenticated = "unauthenticated", UNAUTHORIZED
        { "Not authenticated", "This route needs an access token: send it as `Authorization: Bearer <token>`." }
        { "인증이 필요합니다", "액세스 토큰이 필요한 경로입니다. `Authorization: Bearer <토큰>`으로 보내세요." }
    InvalidToken = "invalid_token", UNAUTHORIZED
        { "Invalid access token", "The access token is expired, not meant for this API, or its user is gone or disabled. Log in again." }
        { "유효하지 않은 액세스 토큰", "액세스 토큰이 만료되었거나 이 API용이 아니거나, 사용자가 삭제 또는 비활성화되었습니다. 다시 로그인하세요." }
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED
        { "Wrong login or password", "The login (email or username) and password do not belong together. Which of them is wrong is not told." }
        { "로그인 정보가 맞지 않습니다", "로그인(이메일 또는 사용자 이름)과 비밀번호가 일치하지 않습니다. 어느 쪽이 틀렸는지는 알려 주지 않습니다." }
    NotFound = "not_found", NOT_FOUND
        { "Not found", "There is nothing here with this id, or it is not yours to read." }
        { "찾을 수 없음", "해당 ID의 항목이 없거나 읽을 권한이 없습니다." }
    UnknownRoute = "unknown_route", NOT_FOUND
        { "No such route", "The API has no such path. /docs lists every route." }
        { "없는 경로", "API에 없는 경로입니다. 모든 경로는 /docs 에 있습니다." }
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED
        { "Method not allowed", "The path exists but does not take this method. The Allow header lists those it takes." }
        { "허용되지 않는 메서드", "경로는 있지만 이 메서드를 받지 않습니다. 허용되는 메서드는 Allow 헤더에 있습니다." }
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT
        { "Body arrived too slowly", "The request's body did not arrive in time. Send it again." }
        { "본문이 너무 느리게 도착함", "요청 본문이 제한 시간 안에 도착하지 않았습니다. 다시 보내세요." }
    EmailTaken = "email_taken", CONFLICT
        { "Email already registered", "An account with this email address exists already. Log in, or register with another address." }
        { "이미 등록된 이메일", "이 이메일 주소의 계정이 이미 있습니다. 로그인하거나 다른 주소로 가입하세요." }
    UsernameTaken = "username_taken", CONFLICT
        { "Username already taken", "Another account has this username. Choose another, or leave it out to have one made from the email address." }
        { "이미 사용 중인 사용자 이름", "다른 계정이 사용 중인 이름입니다. 다른 이름을 고르거나, 생략하면 이메일 주소로 만들어집니다." }
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE
        { "Body too large", "The request's body is larger than this API takes." }
        { "본문이 너무 큼", "요청 본문이 허용 크기를 넘습니다." }
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE
        { "Unsupported media type", "The body's Content-Type or Content-Encoding is not one this route takes. JSON is sent as application/json, uncompressed." }
        { "지원하지 않는 미디어 형식", "이 경로가 받지 않는 Content-Type 또는 Content-Encoding입니다. JSON은 압축 없이 application/json으로 보내세요." }
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY
        { "Invalid values", "The request was read but some values are not acceptable. `errors` names each by a JSON pointer, with a code and a reason." }
        { "유효하지 않은 값", "요청은 읽었지만 허용되지 않는 값이 있습니다. `errors`에 JSON 포인터, 코드, 이유가 있습니다." }
    InternalError = "internal_error", INTERNAL_SERVER_ERROR
        { "Internal error", "Something went wrong on our side. It is in our log under the request id." }
        { "내부 오류", "서버에서 문제가 발생했습니다. 요청 ID로 기록되었습니다." }
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE
        { "Service unavailable", "A part that this request needs is out of reach for the moment. Try again after the time in Retry-After." }
        { "서비스를 사용할 수 없음", "요청에 필요한 구성 요소에 잠시 연결할 수 없습니다. Retry-After 시간 뒤에 다시 시도하세요." }
    Timeout = "timeout", SERVICE_UNAVAILABLE
        { "Took too long", "The request ran past its time limit and was given up; nothing was changed, unless its commit was already under way. Try again after the time in Retry-After." }
        { "시간 초과", "요청이 제한 시간을 넘어 중단되었습니다. 커밋이 이미 진행 중이던 경우가 아니라면 변경된 것은 없습니다. Retry-After 시간 뒤에 다시 시도하세요." }
}

impl Code {
    /// The code with this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.entry().slug == slug)
    }

    /// The code that stands for a bare status, as frameworks answer it.
    #[must_use]
    pub const fn for_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::NOT_FOUND => Self::UnknownRoute,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::ValidationFailed,
            StatusCode::SERVICE_UNAVAILABLE => Self::ServiceUnavailable,
            status if status.as_u16() < 500 => Self::MalformedRequest,
            _ => Self::InternalError,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn slugs_are_unique_and_found_again() {
        let slugs: HashSet<_> = Code::ALL.iter().map(|code| code.entry().slug).collect();
        assert_eq!(slugs.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::from_slug(code.entry().slug), Some(*code));
        }
    }

    #[test]
    fn codes_are_listed_by_status() {
        let statuses: Vec<_> = Code::ALL.iter().map(|code| code.entry().status).collect();
        assert!(statuses.is_sorted(), "{statuses:?}");
    }
}
