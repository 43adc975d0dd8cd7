//! What can go wrong with a provider.

use callboard_shared::tls;
use openidconnect::{
    ClaimsVerificationError, ConfigurationError, DiscoveryError, RequestTokenError, StandardErrorResponse,
    UserInfoError, core::CoreErrorResponseType,
};
use serde::Deserialize;

use super::http::FetchError;
use crate::error::{Code, Problem, Text};

/// Why the providers could not be set up; at start-up only.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A URL of the settings is none, which their check finds first.
    #[error("a provider's URL can't be used: {0}")]
    Url(#[from] openidconnect::url::ParseError),
    /// TLS can't be set up. A defect.
    #[error("TLS towards providers can't be set up: {0}")]
    Tls(#[from] tls::Error),
    /// The HTTP client can't be made. A defect.
    #[error("the HTTP client for providers can't be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a provider did not say who somebody is.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The settings don't name it; there is no such login here.
    #[error("the provider is not configured")]
    NotConfigured,
    /// The code was used, has expired or was never given out, or the proof that
    /// came for it does not hold. The person can begin again.
    #[error("the provider did not confirm the login: {0}")]
    Refused(String),
    /// All answers together took too long.
    #[error("the provider took too long")]
    TooSlow,
    /// It can't be reached, or what came is too large.
    #[error("the provider can't be reached: {0}")]
    Fetch(#[from] FetchError),
    /// What came is no answer to the question: a fault of the provider, or of
    /// our client id and secret.
    #[error("the provider's answer can't be used: {0}")]
    Unusable(String),
}

const UNREACHABLE: Text = Text::fixed(
    "The provider does not answer as it should at this moment. Try again later, or log in another way.",
    "로그인 제공자가 지금 올바르게 응답하지 않습니다. 나중에 다시 시도하거나 다른 방법으로 로그인하세요.",
);

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::NotConfigured => Self::new(Code::NotFound),
            ProviderError::Refused(reason) => {
                // What the provider says may be hostile, so it is escaped.
                tracing::warn!(?reason, "a provider did not confirm a login");
                Self::new(Code::OauthRefused)
            }
            error => Self::unavailable(error).with_detail(UNREACHABLE),
        }
    }
}

impl From<ClaimsVerificationError> for ProviderError {
    fn from(error: ClaimsVerificationError) -> Self {
        Self::Refused(match &error {
            ClaimsVerificationError::SignatureVerification(source) => format!("{error}: {source}"),
            _ => error.to_string(),
        })
    }
}

impl From<DiscoveryError<FetchError>> for ProviderError {
    fn from(error: DiscoveryError<FetchError>) -> Self {
        match error {
            DiscoveryError::Request(error) => Self::Fetch(error),
            error => Self::Unusable(format!("discovery: {error}")),
        }
    }
}

impl From<UserInfoError<FetchError>> for ProviderError {
    fn from(error: UserInfoError<FetchError>) -> Self {
        match error {
            UserInfoError::Request(error) => Self::Fetch(error),
            UserInfoError::ClaimsVerification(error) => error.into(),
            error => Self::Unusable(format!("user info: {error}")),
        }
    }
}

impl From<ConfigurationError> for ProviderError {
    fn from(error: ConfigurationError) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// The error of a token endpoint, whatever the status that it came with: GitHub
/// answers 200.
#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl From<RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>> for ProviderError {
    fn from(error: RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>) -> Self {
        match error {
            RequestTokenError::Request(error) => Self::Fetch(error),
            RequestTokenError::ServerResponse(answer) => match answer.error() {
                CoreErrorResponseType::InvalidGrant => Self::Refused(answer.to_string()),
                _ => Self::Unusable(format!("token endpoint: {answer}")),
            },
            RequestTokenError::Parse(error, body) => match serde_json::from_slice::<TokenError>(&body) {
                Ok(told) if told.error == "bad_verification_code" => Self::Refused(told.error),
                Ok(told) => Self::Unusable(format!("token endpoint: {:?}", told.error)),
                // The body itself may hold a token.
                Err(_) => Self::Unusable(format!("token endpoint: {error}")),
            },
            RequestTokenError::Other(reason) => Self::Unusable(format!("token endpoint: {reason}")),
        }
    }
}
