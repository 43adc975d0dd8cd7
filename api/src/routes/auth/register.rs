//! `POST /api/v1/auth/register`.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use callboard_shared::{
    domain::{Email, Locale, Password, PersonName, Username},
    models::User,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::Problem,
    extract::{Faults, Input, Language, RequestInfo, ValidJson},
    limits::Limit,
    openapi::{BodyProblems, RegisterProblems},
    services::registration::{self, Registration},
    state::AppState,
};

/// Who registers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    /// The email address; unique, whatever the case of its letters.
    #[schema(format = "email", max_length = 254, example = "jiwoo@example.com")]
    email: String,
    /// The password: hard to guess, without the address or the name in it.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "quiet lantern over the harbour")]
    password: SecretString,
    /// The username; made from the email address when left out.
    #[schema(min_length = 3, max_length = 50, pattern = "^[A-Za-z0-9._-]+$", example = "jiwoo")]
    username: Option<String>,
    /// The name in full.
    #[schema(min_length = 1, max_length = 200, example = "Ji Woo Kim")]
    full_name: Option<String>,
    /// The language of mails, `en` or `ko`; by `Accept-Language` when left out.
    #[schema(pattern = "^(en|ko)$", example = "en")]
    locale: Option<String>,
}

/// The checked body.
#[derive(Debug)]
pub struct Register {
    email: Email,
    password: Password,
    username: Option<Username>,
    full_name: Option<PersonName>,
    locale: Option<Locale>,
}

impl Input for Register {
    type Raw = RegisterBody;

    fn parse(raw: RegisterBody, faults: &mut Faults) -> Option<Self> {
        let email = faults.check("email", Email::try_from(raw.email));
        let password = faults.check("password", raw.password.expose_secret().parse::<Password>());
        let username = faults.check_optional("username", raw.username.map(Username::try_from));
        let full_name = faults.check_optional("full_name", raw.full_name.map(PersonName::try_from));
        let locale = faults.check_optional("locale", raw.locale.map(Locale::try_from));
        Some(Self { email: email?, password: password?, username: username?, full_name: full_name?, locale: locale? })
    }
}

/// Register
///
/// Makes a user and mails a link that verifies the address. User, token and mail
/// job commit together: there is never one without the others.
///
/// # Errors
/// 409 when the email address or the username is taken, 422 for bad values.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "auth",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "The new user; the mail is on its way", body = User,
         headers(("Location" = String, description = "Where the user looks at themselves"))),
        RegisterProblems, BodyProblems))]
pub async fn register(
    State(state): State<AppState>,
    Language(accepted): Language,
    info: RequestInfo,
    ValidJson(body): ValidJson<Register>,
) -> Result<impl IntoResponse, Problem> {
    state.limits.admit_account(Limit::Register, body.email.as_str()).await?;
    let registration = Registration {
        email: body.email,
        password: body.password,
        username: body.username,
        full_name: body.full_name,
        locale: body.locale.unwrap_or(accepted),
    };
    let user = registration::register(&state, &info, registration).await?;
    info.set_principal(format!("user:{}", user.id));
    let location = [(header::LOCATION, "/api/v1/auth/me")];
    Ok((StatusCode::CREATED, location, Json(user)))
}
