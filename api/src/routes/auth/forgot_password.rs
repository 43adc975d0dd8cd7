//! `POST /api/v1/auth/forgot-password`.

use axum::{Json, extract::State, http::StatusCode};
use callboard_shared::domain::Email;
use serde::Deserialize;
use utoipa::ToSchema;

use super::resend_verification::{Accepted, accepted};
use crate::{
    error::Problem,
    extract::{Faults, Input, RequestInfo, ValidJson},
    openapi::{BodyProblems, OutageProblems},
    services::password_reset,
    state::AppState,
};

/// Who forgot their password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPasswordBody {
    /// The address of the account.
    #[schema(format = "email", max_length = 254, example = "jiwoo@example.com")]
    email: String,
}

/// The checked body.
#[derive(Debug)]
pub struct ForgotPassword(Email);

impl Input for ForgotPassword {
    type Raw = ForgotPasswordBody;

    fn parse(raw: ForgotPasswordBody, faults: &mut Faults) -> Option<Self> {
        faults.check("email", Email::try_from(raw.email)).map(Self)
    }
}

/// Ask for a new password
///
/// Mails a link that sets one. The answer is the same for every address, after
/// the same time, whether a mail is sent or not: none is to an address that is
/// unknown or of a disabled account, or that got one within the last minute or
/// five within a day.
///
/// # Errors
/// 422 for what is no address.
#[utoipa::path(post, path = "/api/v1/auth/forgot-password", tag = "auth",
    request_body = ForgotPasswordBody,
    responses((status = 202, description = "A mail is sent if the address has an account", body = Accepted),
        BodyProblems, OutageProblems))]
pub async fn forgot(
    State(state): State<AppState>,
    info: RequestInfo,
    ValidJson(ForgotPassword(email)): ValidJson<ForgotPassword>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    password_reset::request(&state, &info, &email).await?;
    Ok(accepted())
}
