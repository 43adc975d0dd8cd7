//! `POST /api/v1/auth/resend-verification`.

use axum::{Json, extract::State, http::StatusCode};
use callboard_shared::domain::Email;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::Problem,
    extract::{Faults, Input, RequestInfo, ValidJson},
    limits::Limit,
    openapi::{BodyProblems, OutageProblems},
    services::verification,
    state::AppState,
};

/// Who wants another mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendBody {
    /// The address that was registered.
    #[schema(format = "email", max_length = 254, example = "jiwoo@example.com")]
    email: String,
}

/// The checked body.
#[derive(Debug)]
pub struct Resend(Email);

impl Input for Resend {
    type Raw = ResendBody;

    fn parse(raw: ResendBody, faults: &mut Faults) -> Option<Self> {
        faults.check("email", Email::try_from(raw.email)).map(Self)
    }
}

/// What happens next.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
}

/// The same answer, whatever happens next.
pub(super) fn accepted() -> (StatusCode, Json<Accepted>) {
    (StatusCode::ACCEPTED, Json(Accepted { status: "accepted" }))
}

/// Send the verification mail again
///
/// The answer is the same for every address, after the same time, whether a mail
/// is sent or not: none is to an address that is unknown or verified, or that got
/// one within the last minute or five within a day.
///
/// # Errors
/// 422 for what is no address.
#[utoipa::path(post, path = "/api/v1/auth/resend-verification", tag = "auth",
    request_body = ResendBody,
    responses((status = 202, description = "A mail is sent if the address waits for one", body = Accepted),
        BodyProblems, OutageProblems))]
pub async fn resend(
    State(state): State<AppState>,
    info: RequestInfo,
    ValidJson(Resend(email)): ValidJson<Resend>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    state.limits.admit_account(Limit::Reset, email.as_str()).await?;
    verification::resend(&state, &info, &email).await?;
    Ok(accepted())
}
