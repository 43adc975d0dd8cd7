//! The provider's endpoints.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::signer::challenge;
use super::{CLIENT_ID, CLIENT_SECRET, Grant, Manner, Persona, Shared, lock};

/// The token that user info and API are asked with.
const ACCESS_TOKEN: &str = "an-access-token-of-the-provider";

/// More than anybody should read.
const HUGE: usize = 4 << 20;

type Fields = HashMap<String, String>;

#[derive(Clone)]
pub(super) struct Context {
    pub(super) shared: Shared,
    pub(super) issuer: String,
}

impl Context {
    fn persona(&self) -> Persona {
        lock(&self.shared).persona.clone()
    }

    /// The answer, or what the provider's manners make of it.
    fn answer(&self, status: StatusCode, body: Value) -> Response {
        match self.persona().manner {
            Manner::Well => (status, Json(body)).into_response(),
            Manner::Broken => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Manner::Huge => Json(json!({ "padding": "x".repeat(HUGE) })).into_response(),
            Manner::Redirects => Redirect::temporary(&format!("{}/elsewhere", self.issuer)).into_response(),
            Manner::Garbled => ([(header::CONTENT_TYPE, "application/json")], "<html>").into_response(),
        }
    }

    /// Takes a code, if client, code, redirect URI and verifier fit together.
    fn redeem(&self, headers: &HeaderMap, form: &Fields) -> Result<Grant, &'static str> {
        if client(headers, form) != Some((CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())) {
            return Err("invalid_client");
        }
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let grant = lock(&self.shared).grants.remove(&field("code")).ok_or("invalid_grant")?;
        let fits = grant.challenge == challenge(&field("code_verifier")) && grant.redirect_uri == field("redirect_uri");
        if fits { Ok(grant) } else { Err("invalid_grant") }
    }
}

/// Who the client says it is, in either of two ways.
fn client(headers: &HeaderMap, form: &Fields) -> Option<(String, String)> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Some((form.get("client_id")?.clone(), form.get("client_secret")?.clone()));
    };
    let decoded = BASE64_STANDARD.decode(given.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let read = |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(text, _)| text.into_owned());
    Some((read(id)?, read(secret)?))
}

fn is_bearer(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|given| given == &format!("Bearer {ACCESS_TOKEN}"))
}

pub(super) async fn discovery(State(context): State<Context>) -> Response {
    let at = |path: &str| format!("{}{path}", context.issuer);
    let document = json!({
        "issuer": context.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    context.answer(StatusCode::OK, document)
}

pub(super) async fn keys(State(context): State<Context>) -> Response {
    let key = lock(&context.shared).signer.jwk();
    context.answer(StatusCode::OK, json!({ "keys": [key] }))
}

/// Sends everybody back at once with a code.
pub(super) async fn authorize(State(context): State<Context>, Query(asked): Query<Fields>) -> Response {
    let field = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let is_right = field("client_id") == CLIENT_ID
        && field("response_type") == "code"
        && field("code_challenge_method") == "S256"
        && !field("state").is_empty();
    let Ok(mut back) = Url::parse(&field("redirect_uri")) else { return StatusCode::BAD_REQUEST.into_response() };
    if !is_right {
        return (StatusCode::BAD_REQUEST, Json(json!(asked))).into_response();
    }
    let grant = Grant {
        nonce: asked.get("nonce").cloned(),
        challenge: field("code_challenge"),
        redirect_uri: field("redirect_uri"),
    };
    let mut state = lock(&context.shared);
    state.codes += 1;
    let code = format!("code-{}", state.codes);
    state.grants.insert(code.clone(), grant);
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &field("state")).append_pair("scope", "x y");
    Redirect::to(back.as_str()).into_response()
}

pub(super) async fn token(State(context): State<Context>, headers: HeaderMap, Form(form): Form<Fields>) -> Response {
    let grant = match context.redeem(&headers, &form) {
        Ok(grant) => grant,
        Err(error) => return context.answer(StatusCode::BAD_REQUEST, json!({ "error": error })),
    };
    let persona = context.persona();
    let now = Utc::now().timestamp();
    let mut claims = json!({
        "iss": context.issuer, "aud": CLIENT_ID, "sub": persona.subject, "nonce": grant.nonce,
        "iat": now, "exp": now + 300, "name": persona.name,
    });
    if let Some(email) = &persona.email {
        claims["email"] = json!(email);
        if persona.is_told_in_token {
            claims["email_verified"] = json!(persona.is_email_verified);
        }
    }
    for (name, value) in persona.claims.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
    let id_token = lock(&context.shared).signer.token(&claims, persona.signature);
    let answer =
        json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300, "id_token": id_token });
    context.answer(StatusCode::OK, answer)
}

pub(super) async fn user_info(State(context): State<Context>, headers: HeaderMap) -> Response {
    let persona = context.persona();
    if !is_bearer(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut told = json!({ "sub": persona.subject });
    if let Some(email) = persona.email {
        told["email"] = json!(email);
        told["email_verified"] = json!(persona.is_email_verified);
    }
    context.answer(StatusCode::OK, told)
}

/// GitHub tells errors with 200.
pub(super) async fn github_token(
    State(context): State<Context>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let answer = match context.redeem(&headers, &form) {
        Ok(_) => json!({ "access_token": ACCESS_TOKEN, "token_type": "bearer", "scope": "read:user,user:email" }),
        Err("invalid_grant") => json!({ "error": "bad_verification_code", "error_description": "It is incorrect." }),
        Err(_) => json!({ "error": "incorrect_client_credentials" }),
    };
    context.answer(StatusCode::OK, answer)
}

pub(super) async fn github_user(State(context): State<Context>, headers: HeaderMap) -> Response {
    if !is_bearer(&headers) || !headers.contains_key(header::USER_AGENT) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let persona = context.persona();
    let id: u64 = persona.subject.parse().expect("a number");
    context.answer(StatusCode::OK, json!({ "id": id, "login": "ada", "name": persona.name, "email": null }))
}

pub(super) async fn github_emails(State(context): State<Context>, headers: HeaderMap) -> Response {
    if !is_bearer(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let persona = context.persona();
    let mut emails = vec![json!({ "email": "other@example.com", "primary": false, "verified": true })];
    if let Some(email) = persona.email {
        emails.push(json!({ "email": email, "primary": true, "verified": persona.is_email_verified }));
    }
    context.answer(StatusCode::OK, json!(emails))
}
