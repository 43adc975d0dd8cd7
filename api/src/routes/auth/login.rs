//! `POST /api/v1/auth/login`.

use axum::{Json, extract::State, http::HeaderMap};
use callboard_shared::domain::InvalidValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{FieldError, Problem, Text},
    extract::{Faults, FormInput, Input, JsonOrForm, RequestInfo},
    openapi::{BodyProblems, LoginProblems},
    services::login,
    state::AppState,
    views::TokenBody,
};

/// Longer than any email address or username.
const LONGEST_LOGIN: usize = 254;

/// In characters, as registration takes them.
const LONGEST_PASSWORD: usize = 128;

/// Who logs in: an email address or username as `login` (or as `username`), and
/// the password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// The email address or the username.
    #[schema(max_length = 254, example = "jiwoo@example.com")]
    login: Option<String>,
    /// The same under OAuth2's name; give one of the two.
    #[schema(max_length = 254)]
    username: Option<String>,
    /// The password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quiet lantern over the harbour")]
    password: SecretString,
}

/// OAuth2's password form (RFC 6749 § 4.3).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginForm {
    /// The email address or the username.
    #[schema(max_length = 254, example = "jiwoo@example.com")]
    username: String,
    /// The password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quiet lantern over the harbour")]
    password: SecretString,
    /// `password`, as OAuth2 clients send it; not looked at.
    #[schema(nullable = false, example = "password")]
    #[serde(rename = "grant_type", default)]
    _grant_type: Option<String>,
    /// Not looked at.
    #[schema(nullable = false)]
    #[serde(rename = "scope", default)]
    _scope: Option<String>,
    /// Not looked at.
    #[schema(nullable = false)]
    #[serde(rename = "client_id", default)]
    _client_id: Option<String>,
    /// Not looked at.
    #[schema(nullable = false)]
    #[serde(rename = "client_secret", default)]
    _client_secret: Option<String>,
}

/// The checked body.
#[derive(Debug)]
pub struct Login {
    login: String,
    password: SecretString,
}

impl Input for Login {
    type Raw = LoginBody;

    fn parse(raw: LoginBody, faults: &mut Faults) -> Option<Self> {
        let (name, login) = match (raw.login, raw.username) {
            (Some(login), None) => ("login", login),
            (None, Some(username)) => ("username", username),
            (None, None) => return refuse(faults, "login", "required", REQUIRED),
            (Some(_), Some(_)) => return refuse(faults, "username", "duplicate_field", TWICE),
        };
        let login = login.trim().to_owned();
        if login.chars().count() > LONGEST_LOGIN {
            return refuse(faults, name, "too_long", TOO_LONG);
        }
        let is_text = |value: &str| !value.contains('\0');
        if !is_text(&login) {
            return refuse(faults, name, "invalid_characters", NUL);
        }
        // No account has such a password, and hashing it would cost all the same.
        if raw.password.expose_secret().chars().count() > LONGEST_PASSWORD {
            faults.check::<(), _>("password", Err(InvalidValue::PasswordTooLong));
            return None;
        }
        if !is_text(raw.password.expose_secret()) {
            return refuse(faults, "password", "invalid_characters", NUL);
        }
        let password = raw.password;
        Some(Self { login, password })
    }
}

impl FormInput for Login {
    type Form = LoginForm;
}

impl From<LoginForm> for LoginBody {
    fn from(form: LoginForm) -> Self {
        Self { login: None, username: Some(form.username), password: form.password }
    }
}

const REQUIRED: Text =
    Text::fixed("Give the email address or the username here.", "이메일 주소나 사용자 이름을 입력하세요.");
const TWICE: Text =
    Text::fixed("Give either `login` or `username`, not both.", "`login`과 `username` 중 하나만 보내세요.");
const TOO_LONG: Text = Text::fixed("At most 254 characters.", "254자 이하여야 합니다.");
const NUL: Text = Text::fixed("NUL characters are not taken.", "NUL 문자는 쓸 수 없습니다.");

fn refuse(faults: &mut Faults, name: &str, code: &'static str, detail: Text) -> Option<Login> {
    faults.note(FieldError::field(name, code, detail));
    None
}

/// Log in
///
/// Takes JSON, or OAuth2's password form. The answer to a wrong login and to a
/// wrong password is the same, after the same time. After five failures in a row
/// an account is slowed down, after twenty a client's address: each further
/// attempt has to wait twice as long, up to a minute and a quarter of an hour.
///
/// # Errors
/// 401 when login and password do not belong together; 401 `totp_required` with
/// an `mfa_token` when they do and `POST /api/v1/auth/login/totp` has to follow.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth",
    request_body(content(
        (LoginBody = "application/json"),
        (LoginForm = "application/x-www-form-urlencoded"))),
    responses((status = 200, description = "An access token, and the refresh token that gets the next", body = TokenBody),
        LoginProblems, BodyProblems))]
pub async fn login(
    State(state): State<AppState>,
    info: RequestInfo,
    headers: HeaderMap,
    JsonOrForm(body, _): JsonOrForm<Login>,
) -> Result<Json<TokenBody>, Problem> {
    let outcome = login::log_in(&state, &info, &headers, &body.login, body.password).await;
    state.metrics.authenticated("password", &outcome);
    Ok(Json(outcome?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_nobody_can_have_is_refused_before_it_is_hashed() {
        let parse = |password: String| {
            let mut faults = Faults::default();
            let body = LoginBody { login: Some("ada".to_owned()), username: None, password: password.into() };
            let is_taken = Login::parse(body, &mut faults).is_some();
            (is_taken, faults.into_errors().first().map(|fault| (fault.place.to_string(), fault.code)))
        };
        assert_eq!(parse("é".repeat(128)), (true, None));
        assert_eq!(parse("é".repeat(129)), (false, Some(("#/password".to_owned(), "too_long"))));
    }
}
