//! `POST /api/v1/auth/change-password`.

use axum::{extract::State, http::StatusCode};
use callboard_shared::domain::{InvalidValue, Password};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    error::Problem,
    extract::{Faults, Input, RequestInfo, ValidJson},
    openapi::{BodyProblems, PasswordProblems},
    services::password_change,
    state::AppState,
};

/// In characters, as registration takes them.
const LONGEST_PASSWORD: usize = 128;

/// The password that is, and the one that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordBody {
    /// The password that the account has now.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quiet lantern over the harbour")]
    current_password: SecretString,
    /// The new password: hard to guess, without the address or the name in it.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "seven violet kettles humming")]
    new_password: SecretString,
}

/// The checked body.
#[derive(Debug)]
pub struct ChangePassword {
    current: SecretString,
    new: Password,
}

impl Input for ChangePassword {
    type Raw = ChangePasswordBody;

    fn parse(raw: ChangePasswordBody, faults: &mut Faults) -> Option<Self> {
        let current = current_password(raw.current_password, faults);
        let new = faults.check("new_password", raw.new_password.expose_secret().parse::<Password>());
        Some(Self { current: current?, new: new? })
    }
}

/// The password that is to be checked, unless no account can have it: hashing it
/// would cost all the same.
pub(super) fn current_password(raw: SecretString, faults: &mut Faults) -> Option<SecretString> {
    let password = raw.expose_secret();
    let checked = if password.chars().take(LONGEST_PASSWORD + 1).count() > LONGEST_PASSWORD {
        Err(InvalidValue::PasswordTooLong)
    } else if password.contains('\0') {
        Err(InvalidValue::PasswordCharacters)
    } else {
        Ok(raw)
    };
    faults.check("current_password", checked)
}

/// Change the password
///
/// Ends all other sessions, and every open link to the password or to another
/// address; this session goes on. The user is told by mail.
///
/// # Errors
/// 422 for a wrong or a weak password, 409 for who has none yet, 429 after too
/// many wrong ones.
#[utoipa::path(post, path = "/api/v1/auth/change-password", tag = "auth",
    request_body = ChangePasswordBody,
    responses((status = 204, description = "The password is changed"), BodyProblems, PasswordProblems))]
pub async fn change(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    ValidJson(body): ValidJson<ChangePassword>,
) -> Result<StatusCode, Problem> {
    password_change::change(&state, &info, &caller, body.current, body.new).await?;
    Ok(StatusCode::NO_CONTENT)
}
