//! `/api/v1/auth/totp`: a second factor for one's own login.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change_password::current_password;
use crate::{
    auth::{
        Caller,
        totp::{RecoveryCode, TotpCode},
    },
    error::{FieldError, Problem, Text},
    extract::{Faults, Input, RequestInfo, ValidJson},
    openapi::{BodyProblems, TotpConfirmProblems, TotpFactorProblems, TotpSetupProblems},
    services::totp::{self, Factor},
    state::AppState,
};

const SIX_DIGITS: Text = Text::fixed("A code is six digits.", "코드는 숫자 여섯 자리입니다.");
const SIXTEEN: Text = Text::fixed(
    "A recovery code is sixteen letters and digits, such as abcd-efgh-ijkl-mnop.",
    "복구 코드는 abcd-efgh-ijkl-mnop 형식의 영문자와 숫자 열여섯 자리입니다.",
);
const REQUIRED: Text =
    Text::fixed("Give the app's code here, or a recovery code.", "앱의 코드 또는 복구 코드를 입력하세요.");
const TWICE: Text =
    Text::fixed("Give either `code` or `recovery_code`, not both.", "`code`와 `recovery_code` 중 하나만 보내세요.");

/// How the second factor stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpStatus {
    /// Whether login asks for a code.
    enabled: bool,
    /// Since when.
    confirmed_at: Option<DateTime<Utc>>,
    /// How many recovery codes have not been used.
    #[schema(example = 10)]
    recovery_codes_left: i64,
}

/// The password, again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpSetupBody {
    /// The account's password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quiet lantern over the harbour")]
    current_password: SecretString,
}

/// The checked body.
#[derive(Debug)]
pub struct TotpSetup(SecretString);

impl Input for TotpSetup {
    type Raw = TotpSetupBody;

    fn parse(raw: TotpSetupBody, faults: &mut Faults) -> Option<Self> {
        current_password(raw.current_password, faults).map(Self)
    }
}

/// What an authenticator app needs.
#[derive(Debug, Serialize, ToSchema)]
pub struct TotpSecretBody {
    /// The secret in base32, for typing it.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The same as a URL, for a QR code.
    #[schema(example = "otpauth://totp/Callboard:jiwoo?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Callboard")]
    otpauth_url: String,
}

/// The app's first code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirmBody {
    /// Six digits.
    #[schema(value_type = String, pattern = "^[0-9]{6}$", example = "081804")]
    code: SecretString,
}

/// The checked body.
#[derive(Debug)]
pub struct TotpConfirm(TotpCode);

impl Input for TotpConfirm {
    type Raw = TotpConfirmBody;

    fn parse(raw: TotpConfirmBody, faults: &mut Faults) -> Option<Self> {
        code(&raw.code, faults).map(Self)
    }
}

/// Codes that stand in for those of a lost app, each once. Shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Ten of them.
    #[schema(min_items = 10, max_items = 10, example = json!(["abcd-efgh-ijkl-mnop"]))]
    recovery_codes: Vec<String>,
}

impl From<Vec<RecoveryCode>> for RecoveryCodes {
    fn from(codes: Vec<RecoveryCode>) -> Self {
        Self { recovery_codes: codes.iter().map(RecoveryCode::shown).collect() }
    }
}

/// The password again, and a code or a recovery code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpFactorBody {
    /// The account's password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quiet lantern over the harbour")]
    current_password: SecretString,
    /// Six digits of the app.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{6}$", example = "081804")]
    code: Option<SecretString>,
    /// A recovery code, in place of the app's code.
    #[schema(value_type = Option<String>)]
    recovery_code: Option<SecretString>,
}

/// The checked body.
#[derive(Debug)]
pub struct TotpFactor {
    password: SecretString,
    factor: Factor,
}

impl Input for TotpFactor {
    type Raw = TotpFactorBody;

    fn parse(raw: TotpFactorBody, faults: &mut Faults) -> Option<Self> {
        let password = current_password(raw.current_password, faults);
        let factor = factor(raw.code.as_ref(), raw.recovery_code.as_ref(), faults);
        Some(Self { password: password?, factor: factor? })
    }
}

/// One of the two, which a body must have.
pub(super) fn factor(
    app: Option<&SecretString>,
    recovery: Option<&SecretString>,
    faults: &mut Faults,
) -> Option<Factor> {
    match (app, recovery) {
        (Some(app), None) => code(app, faults).map(Factor::Code),
        (None, Some(recovery)) => {
            let code = RecoveryCode::parse(recovery.expose_secret());
            if code.is_none() {
                faults.note(FieldError::field("recovery_code", "invalid_code", SIXTEEN));
            }
            code.map(Factor::Recovery)
        }
        (None, None) => {
            faults.note(FieldError::field("code", "required", REQUIRED));
            None
        }
        (Some(_), Some(_)) => {
            faults.note(FieldError::field("recovery_code", "duplicate_field", TWICE));
            None
        }
    }
}

fn code(raw: &SecretString, faults: &mut Faults) -> Option<TotpCode> {
    let code = TotpCode::parse(raw.expose_secret());
    if code.is_none() {
        faults.note(FieldError::field("code", "invalid_code", SIX_DIGITS));
    }
    code
}

/// Look at the second factor
///
/// # Errors
/// 401 without a session.
#[utoipa::path(get, path = "/api/v1/auth/totp", tag = "auth",
    responses((status = 200, description = "How it stands", body = TotpStatus)))]
pub async fn status(State(state): State<AppState>, caller: Caller) -> Result<Json<TotpStatus>, Problem> {
    let status = totp::status(&state, caller.user_id()).await?;
    Ok(Json(TotpStatus {
        enabled: status.confirmed_at.is_some(),
        confirmed_at: status.confirmed_at,
        recovery_codes_left: status.recovery_codes_left,
    }))
}

/// Begin to set up a second factor
///
/// Gives a secret for an authenticator app (TOTP: SHA-1, six digits, 30 seconds).
/// Login asks for no code before one was confirmed; until then, another call
/// gives another secret. The secret is not shown again.
///
/// # Errors
/// 422 for a wrong password, 409 when a second factor is enabled already or for
/// who has no password yet, 429 after too many wrong ones.
#[utoipa::path(post, path = "/api/v1/auth/totp", tag = "auth",
    request_body = TotpSetupBody,
    responses((status = 200, description = "The secret for the app", body = TotpSecretBody),
        BodyProblems, TotpSetupProblems))]
pub async fn begin(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    ValidJson(TotpSetup(password)): ValidJson<TotpSetup>,
) -> Result<Json<TotpSecretBody>, Problem> {
    let secret = totp::begin(&state, &info, &caller, password).await?;
    let url = secret.url(caller.user().username.as_str()).map_err(Problem::internal)?;
    Ok(Json(TotpSecretBody {
        secret: secret.base32().expose_secret().to_owned(),
        otpauth_url: url.expose_secret().to_owned(),
    }))
}

/// Enable the second factor
///
/// Takes the first code of the app. From now on login asks for one. The answer
/// has ten recovery codes, which are not shown again.
///
/// # Errors
/// 422 for a wrong code, 409 when there is none to enable, 429 after too many
/// wrong codes.
#[utoipa::path(post, path = "/api/v1/auth/totp/confirm", tag = "auth",
    request_body = TotpConfirmBody,
    responses((status = 200, description = "It is enabled", body = RecoveryCodes),
        BodyProblems, TotpConfirmProblems))]
pub async fn confirm(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    ValidJson(TotpConfirm(code)): ValidJson<TotpConfirm>,
) -> Result<Json<RecoveryCodes>, Problem> {
    Ok(Json(totp::confirm(&state, &info, &caller, &code).await?.into()))
}

/// Disable the second factor
///
/// Takes the password and a code or recovery code. The recovery codes go with it.
///
/// # Errors
/// 422 for a wrong password or code, 409 when none is enabled, 429 after too many
/// wrong ones.
#[utoipa::path(post, path = "/api/v1/auth/totp/disable", tag = "auth",
    request_body = TotpFactorBody,
    responses((status = 204, description = "Login asks for the password only"), BodyProblems, TotpFactorProblems))]
pub async fn disable(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    ValidJson(TotpFactor { password, factor }): ValidJson<TotpFactor>,
) -> Result<StatusCode, Problem> {
    totp::disable(&state, &info, &caller, password, factor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make new recovery codes
///
/// They take the place of all earlier ones, and are not shown again.
///
/// # Errors
/// 422 for a wrong password or code, 409 when no second factor is enabled, 429
/// after too many wrong ones.
#[utoipa::path(post, path = "/api/v1/auth/totp/recovery-codes", tag = "auth",
    request_body = TotpFactorBody,
    responses((status = 200, description = "The new codes", body = RecoveryCodes), BodyProblems, TotpFactorProblems))]
pub async fn renew(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    ValidJson(TotpFactor { password, factor }): ValidJson<TotpFactor>,
) -> Result<Json<RecoveryCodes>, Problem> {
    Ok(Json(totp::renew(&state, &info, &caller, password, factor).await?.into()))
}
