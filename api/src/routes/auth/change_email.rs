//! `POST /api/v1/auth/change-email`.

use axum::{Json, extract::State, http::StatusCode};
use callboard_shared::domain::Email;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    change_password::current_password,
    resend_verification::{Accepted, accepted},
};
use crate::{
    auth::Caller,
    error::Problem,
    extract::{Faults, Input, RequestInfo, ValidJson},
    openapi::{BodyProblems, PasswordProblems},
    services::email_change,
    state::AppState,
};

/// The address that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmailBody {
    /// The account's password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quiet lantern over the harbour")]
    current_password: SecretString,
    /// The new address.
    #[schema(format = "email", max_length = 254, example = "jiwoo.kim@example.com")]
    new_email: String,
}

/// The checked body.
#[derive(Debug)]
pub struct ChangeEmail {
    password: SecretString,
    new_email: Email,
}

impl Input for ChangeEmail {
    type Raw = ChangeEmailBody;

    fn parse(raw: ChangeEmailBody, faults: &mut Faults) -> Option<Self> {
        let password = current_password(raw.current_password, faults);
        let new_email = faults.check("new_email", Email::try_from(raw.new_email));
        Some(Self { password: password?, new_email: new_email? })
    }
}

/// Ask for another address
///
/// Mails a link to the new address that makes it the account's, and a notice to
/// the old one. Nothing changes before the link is confirmed, and an earlier link
/// is good no more. An address that another account has gets no mail, which the
/// answer does not tell.
///
/// # Errors
/// 422 for a wrong password or the address that it is already, 409 for who has no
/// password yet, 429 after five changes in a day or too many wrong passwords.
#[utoipa::path(post, path = "/api/v1/auth/change-email", tag = "auth",
    request_body = ChangeEmailBody,
    responses((status = 202, description = "A mail is sent to the new address, unless it is taken", body = Accepted),
        BodyProblems, PasswordProblems))]
pub async fn change(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    ValidJson(body): ValidJson<ChangeEmail>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    email_change::request(&state, &info, &caller, body.password, body.new_email).await?;
    Ok(accepted())
}
