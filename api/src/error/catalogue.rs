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
        #[expect(clippy::enum_variant_names, reason = "a wrong code is what the code WrongCode tells of")]
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
    ResetTokenInvalid = "reset_token_invalid", BAD_REQUEST
        { "Unknown or used reset link", "The reset token is not one we know, or it was used already. Follow the whole link from the newest mail, or ask for another with POST /api/v1/auth/forgot-password." }
        { "알 수 없거나 이미 사용된 재설정 링크", "알 수 없거나 이미 사용된 재설정 토큰입니다. 가장 최근 메일의 링크 전체를 사용하거나 POST /api/v1/auth/forgot-password 로 새로 요청하세요." }
    ResetTokenExpired = "reset_token_expired", BAD_REQUEST
        { "Expired reset link", "The reset token has expired, or another reset ended it. Ask for another with POST /api/v1/auth/forgot-password." }
        { "만료된 재설정 링크", "재설정 토큰이 만료되었거나 다른 재설정으로 무효가 되었습니다. POST /api/v1/auth/forgot-password 로 새로 요청하세요." }
    EmailChangeTokenInvalid = "email_change_token_invalid", BAD_REQUEST
        { "Unknown confirmation link", "The token that confirms a new email address is not one we know. Follow the whole link from the newest mail, or ask for the change again." }
        { "알 수 없는 확인 링크", "새 이메일 주소를 확인하는 토큰을 알 수 없습니다. 가장 최근 메일의 링크 전체를 사용하거나 변경을 다시 요청하세요." }
    EmailChangeTokenExpired = "email_change_token_expired", BAD_REQUEST
        { "Expired confirmation link", "The token that confirms a new email address has expired, or a newer request or a new password ended it. Ask for the change again with POST /api/v1/auth/change-email." }
        { "만료된 확인 링크", "새 이메일 주소를 확인하는 토큰이 만료되었거나, 새로운 요청 또는 비밀번호 변경으로 무효가 되었습니다. POST /api/v1/auth/change-email 로 다시 요청하세요." }
    OauthStateInvalid = "oauth_state_invalid", BAD_REQUEST
        { "Login did not begin here", "This browser has no login under way that the state belongs to: it began elsewhere, or more than ten minutes ago. Begin again." }
        { "이 브라우저에서 시작되지 않은 로그인", "state에 해당하는 진행 중인 로그인이 없습니다. 다른 곳에서 시작되었거나 10분이 지났습니다. 다시 시작하세요." }
    OauthRefused = "oauth_refused", BAD_REQUEST
        { "Provider did not confirm the login", "The provider did not confirm who you are: it was declined there, or the code was used or has expired. Begin again." }
        { "로그인 제공자가 확인하지 않음", "제공자에서 로그인이 거절되었거나, 코드가 이미 사용되었거나 만료되었습니다. 다시 시작하세요." }
    InvalidIdempotencyKey = "invalid_idempotency_key", BAD_REQUEST
        { "Invalid Idempotency-Key", "The header Idempotency-Key is sent once, with 1 to 255 printable characters of ASCII without blanks." }
        { "잘못된 Idempotency-Key", "Idempotency-Key 헤더는 한 번만, 공백 없는 ASCII 문자 1자 이상 255자 이하로 보내세요." }
    Unauthenticated = "unauthenticated", UNAUTHORIZED
        { "Not authenticated", "This route needs an access token: send it as `Authorization: Bearer <token>`." }
        { "인증이 필요합니다", "액세스 토큰이 필요한 경로입니다. `Authorization: Bearer <토큰>`으로 보내세요." }
    InvalidToken = "invalid_token", UNAUTHORIZED
        { "Invalid access token", "The access token is expired, not meant for this API, or its user is gone or disabled. Log in again." }
        { "유효하지 않은 액세스 토큰", "액세스 토큰이 만료되었거나 이 API용이 아니거나, 사용자가 삭제 또는 비활성화되었습니다. 다시 로그인하세요." }
    MfaTokenInvalid = "mfa_token_invalid", UNAUTHORIZED
        { "Login has to start again", "The `mfa_token` is not one of ours, is older than five minutes, or its user no longer has a second factor. Log in with the password again." }
        { "처음부터 다시 로그인하세요", "`mfa_token`이 유효하지 않거나 5분이 지났거나, 사용자의 2단계 인증이 해제되었습니다. 비밀번호로 다시 로그인하세요." }
    WrongCode = "wrong_code", UNAUTHORIZED
        { "Wrong code", "The code is wrong, too old, or was used already. Wait for the app's next code, or use a recovery code." }
        { "잘못된 코드", "코드가 틀렸거나 만료되었거나 이미 사용되었습니다. 앱의 다음 코드를 기다리거나 복구 코드를 사용하세요." }
    RefreshTokenInvalid = "refresh_token_invalid", UNAUTHORIZED
        { "Invalid refresh token", "The refresh token is unknown, was used before, or its session has ended. Log in again." }
        { "유효하지 않은 갱신 토큰", "갱신 토큰을 알 수 없거나 이미 사용되었거나 세션이 종료되었습니다. 다시 로그인하세요." }
    TotpRequired = "totp_required", UNAUTHORIZED
        { "A code is needed", "The password is right, and this account has a second factor: send the app's code with `mfa_token` to POST /api/v1/auth/login/totp within five minutes." }
        { "인증 코드가 필요합니다", "비밀번호가 확인되었습니다. 이 계정은 2단계 인증을 사용하므로 5분 안에 인증 앱의 코드와 `mfa_token`을 POST /api/v1/auth/login/totp 로 보내세요." }
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED
        { "Wrong login or password", "The login (email or username) and password do not belong together. Which of them is wrong is not told." }
        { "로그인 정보가 맞지 않습니다", "로그인(이메일 또는 사용자 이름)과 비밀번호가 일치하지 않습니다. 어느 쪽이 틀렸는지는 알려 주지 않습니다." }
    Forbidden = "forbidden", FORBIDDEN
        { "Not allowed", "The caller is known, but their role does not allow this. The detail names what is missing." }
        { "권한이 없음", "호출자는 확인되었지만 이 작업을 할 권한이 없습니다. 부족한 권한은 detail에 있습니다." }
    InsufficientScope = "insufficient_scope", FORBIDDEN
        { "Scope is missing", "The API key was not given the scope that this needs. The detail names it." }
        { "범위가 부족함", "API 키에 필요한 범위(scope)가 없습니다. 필요한 범위는 detail에 있습니다." }
    EmailUnverified = "email_unverified", FORBIDDEN
        { "Email address not verified", "Writing needs a verified email address. Follow the link in the mail, or ask for another with POST /api/v1/auth/resend-verification." }
        { "이메일 인증이 필요함", "데이터를 쓰려면 이메일 인증이 필요합니다. 메일의 링크를 열거나 POST /api/v1/auth/resend-verification 으로 다시 요청하세요." }
    NotFound = "not_found", NOT_FOUND
        { "Not found", "There is nothing here with this id, or it is not yours to read." }
        { "찾을 수 없음", "해당 ID의 항목이 없거나 읽을 권한이 없습니다." }
    UnknownRoute = "unknown_route", NOT_FOUND
        { "No such route", "The API has no such path. /docs lists every route." }
        { "없는 경로", "API에 없는 경로입니다. 모든 경로는 /docs 에 있습니다." }
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED
        { "Method not allowed", "The path exists but does not take this method. The Allow header lists those it takes." }
        { "허용되지 않는 메서드", "경로는 있지만 이 메서드를 받지 않습니다. 허용되는 메서드는 Allow 헤더에 있습니다." }
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE
        { "Not acceptable", "The Accept header excludes every media type that this route can give. Take application/json, and application/problem+json for errors." }
        { "허용할 수 없는 형식", "Accept 헤더가 이 경로가 줄 수 있는 모든 형식을 제외합니다. application/json과, 오류에는 application/problem+json을 허용하세요." }
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT
        { "Body arrived too slowly", "The request's body did not arrive in time. Send it again." }
        { "본문이 너무 느리게 도착함", "요청 본문이 제한 시간 안에 도착하지 않았습니다. 다시 보내세요." }
    EmailTaken = "email_taken", CONFLICT
        { "Email already registered", "An account with this email address exists already. Log in, or register with another address." }
        { "이미 등록된 이메일", "이 이메일 주소의 계정이 이미 있습니다. 로그인하거나 다른 주소로 가입하세요." }
    UsernameTaken = "username_taken", CONFLICT
        { "Username already taken", "Another account has this username. Choose another, or leave it out to have one made from the email address." }
        { "이미 사용 중인 사용자 이름", "다른 계정이 사용 중인 이름입니다. 다른 이름을 고르거나, 생략하면 이메일 주소로 만들어집니다." }
    PasswordNotSet = "password_not_set", CONFLICT
        { "No password yet", "This account has no password, which this request asks for. Set one with POST /api/v1/auth/forgot-password first." }
        { "비밀번호가 설정되지 않음", "이 요청에는 비밀번호가 필요하지만 계정에 비밀번호가 없습니다. 먼저 POST /api/v1/auth/forgot-password 로 비밀번호를 설정하세요." }
    TotpAlreadyEnabled = "totp_already_enabled", CONFLICT
        { "Second factor is on already", "Login asks this account for a code already. Disable that with POST /api/v1/auth/totp/disable before setting up another app." }
        { "2단계 인증이 이미 사용 중", "이 계정은 이미 2단계 인증을 사용합니다. 다른 앱을 등록하려면 먼저 POST /api/v1/auth/totp/disable 로 해제하세요." }
    TotpNotSetUp = "totp_not_set_up", CONFLICT
        { "No second factor", "This account has no second factor that this request could act on. Set one up with POST /api/v1/auth/totp." }
        { "2단계 인증이 설정되지 않음", "이 요청을 적용할 2단계 인증이 없습니다. POST /api/v1/auth/totp 로 설정하세요." }
    IdentityNotLinkable = "identity_not_linkable", CONFLICT
        { "Account exists already", "An account with this email address exists, and the provider's can't be joined to it: the address is not verified on both sides, or another account of the provider is. Log in as before; if the address is not verified here, verify it first." }
        { "이미 존재하는 계정", "같은 이메일 주소의 계정이 있지만 연결할 수 없습니다. 양쪽 모두에서 이메일이 인증되지 않았거나 제공자의 다른 계정이 연결되어 있습니다. 기존 방법으로 로그인하고, 이메일이 인증되지 않았다면 먼저 인증하세요." }
    IdentityWithoutEmail = "identity_without_email", CONFLICT
        { "Provider gave no email address", "An account needs an email address, and the provider did not tell one. Allow it there, or register with an address." }
        { "이메일 주소가 제공되지 않음", "계정에는 이메일 주소가 필요하지만 제공자가 알려 주지 않았습니다. 제공자에서 이메일 제공에 동의하거나 이메일로 가입하세요." }
    LastLoginMethod = "last_login_method", CONFLICT
        { "Only way to log in", "Without this provider the account could not be logged in to any more. Set a password with POST /api/v1/auth/forgot-password first." }
        { "유일한 로그인 방법", "이 제공자를 해제하면 더 이상 로그인할 수 없습니다. 먼저 POST /api/v1/auth/forgot-password 로 비밀번호를 설정하세요." }
    TooManyApiKeys = "too_many_api_keys", CONFLICT
        { "Too many API keys", "An account may have 50 API keys at a time. Delete those that are no longer used." }
        { "API 키가 너무 많음", "계정마다 API 키는 최대 50개까지 가질 수 있습니다. 사용하지 않는 키를 삭제하세요." }
    JobWrongState = "job_wrong_state", CONFLICT
        { "Job is in another state", "A job that has ended can't be cancelled, and one that waits for its turn, for others or for the start that a rate has reserved, or runs, can't be retried. The detail names its state." }
        { "작업의 상태가 맞지 않음", "종료된 작업은 취소할 수 없고, 차례나 다른 작업, 또는 빈도 제한으로 예약된 시작 시각을 기다리거나 실행 중인 작업은 다시 시도할 수 없습니다. 현재 상태는 detail에 있습니다." }
    JobKeyHeld = "job_key_held", CONFLICT
        { "Unique key is taken", "Another job that has not ended holds the unique key of this one, and the two may not be there at a time. The detail names it; retry when it has ended." }
        { "고유 키가 사용 중", "아직 종료되지 않은 다른 작업이 이 작업의 고유 키를 가지고 있어 함께 있을 수 없습니다. 그 작업은 detail에 있습니다. 종료된 뒤 다시 시도하세요." }
    InUse = "in_use", CONFLICT
        { "Still in use", "Others refer to this, so it can't be deleted. The detail and `references` name them." }
        { "사용 중이라 삭제할 수 없음", "다른 항목이 참조하고 있어 삭제할 수 없습니다. 참조하는 항목은 detail과 `references`에 있습니다." }
    LastAdmin = "last_admin", CONFLICT
        { "Last admin", "This is the last active admin, who can't be removed, demoted or disabled. Make another admin first." }
        { "마지막 관리자", "마지막 활성 관리자는 삭제, 강등, 비활성화할 수 없습니다. 먼저 다른 관리자를 지정하세요." }
    IdempotencyInFlight = "idempotency_in_flight", CONFLICT
        { "Same request in flight", "A request with this Idempotency-Key is being worked on. Send it again after the time in Retry-After to get its answer." }
        { "같은 요청이 처리 중", "같은 Idempotency-Key의 요청을 처리하고 있습니다. Retry-After 시간 뒤에 다시 보내면 그 응답을 받습니다." }
    SecretAlreadyShown = "secret_already_shown", CONFLICT
        { "Secret was shown already", "The request with this Idempotency-Key was done, and its answer carried a secret that is shown once. Nothing was made anew; if the answer was lost, delete what it made and make another." }
        { "이미 표시된 비밀 값", "이 Idempotency-Key의 요청은 이미 처리되었고, 한 번만 표시되는 비밀 값이 응답에 있었습니다. 새로 만들어진 것은 없습니다. 응답을 잃었다면 삭제하고 다시 만드세요." }
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED
        { "Changed meanwhile", "If-Match names another version than the present one. Read it again, and repeat the change on what it is now." }
        { "그사이 변경됨", "If-Match의 버전이 현재 버전과 다릅니다. 다시 읽고 현재 상태에 변경을 적용하세요." }
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE
        { "Body too large", "The request's body is larger than this API takes." }
        { "본문이 너무 큼", "요청 본문이 허용 크기를 넘습니다." }
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE
        { "Unsupported media type", "The body's Content-Type or Content-Encoding is not one this route takes. JSON is sent as application/json, plain or as gzip." }
        { "지원하지 않는 미디어 형식", "이 경로가 받지 않는 Content-Type 또는 Content-Encoding입니다. JSON은 application/json으로, 압축 없이 또는 gzip으로 보내세요." }
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY
        { "Invalid values", "The request was read but some values are not acceptable. `errors` names each by a JSON pointer, with a code and a reason." }
        { "유효하지 않은 값", "요청은 읽었지만 허용되지 않는 값이 있습니다. `errors`에 JSON 포인터, 코드, 이유가 있습니다." }
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY
        { "Idempotency-Key used for another request", "This Idempotency-Key came with another body before. Use a new key for each new request." }
        { "다른 요청에 사용된 Idempotency-Key", "이 Idempotency-Key는 다른 본문과 함께 사용되었습니다. 새 요청마다 새 키를 쓰세요." }
    LoginThrottled = "login_throttled", TOO_MANY_REQUESTS
        { "Too many failed logins", "This account or this address failed to log in too often. Try again after the time in Retry-After; each further failure doubles it, a success ends it." }
        { "로그인 실패가 너무 많음", "이 계정 또는 주소에서 로그인에 너무 많이 실패했습니다. Retry-After 시간 뒤에 다시 시도하세요. 실패할 때마다 시간이 두 배로 늘고, 성공하면 해제됩니다." }
    RateLimited = "rate_limited", TOO_MANY_REQUESTS
        { "Too many requests", "This caller has made more requests than its limit allows. `RateLimit` tells what is left; try again after the time in Retry-After." }
        { "요청이 너무 많음", "허용된 한도보다 많은 요청을 보냈습니다. 남은 한도는 RateLimit에 있습니다. Retry-After 시간 뒤에 다시 시도하세요." }
    QueueFull = "queue_full", TOO_MANY_REQUESTS
        { "Too much work waits", "This request would leave work for later, and too much of it waits already. Nothing was done; try again after the time in Retry-After." }
        { "대기 중인 작업이 너무 많음", "이 요청은 나중에 처리할 작업을 남기지만 이미 너무 많은 작업이 대기 중입니다. 처리된 것은 없습니다. Retry-After 시간 뒤에 다시 시도하세요." }
    InternalError = "internal_error", INTERNAL_SERVER_ERROR
        { "Internal error", "Something went wrong on our side. It is in our log under the request id." }
        { "내부 오류", "서버에서 문제가 발생했습니다. 요청 ID로 기록되었습니다." }
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE
        { "Service unavailable", "A part that this request needs is out of reach for the moment. Try again after the time in Retry-After." }
        { "서비스를 사용할 수 없음", "요청에 필요한 구성 요소에 잠시 연결할 수 없습니다. Retry-After 시간 뒤에 다시 시도하세요." }
    Overloaded = "overloaded", SERVICE_UNAVAILABLE
        { "Too much to do", "More requests are under way than this API takes at a time, and what is heavy is refused first. Nothing was done; try again after the time in Retry-After." }
        { "과부하", "동시에 처리할 수 있는 것보다 많은 요청이 진행 중이며, 무거운 요청부터 거부합니다. 처리된 것은 없습니다. Retry-After 시간 뒤에 다시 시도하세요." }
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
            StatusCode::NOT_ACCEPTABLE => Self::NotAcceptable,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::ValidationFailed,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
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
