//! The problems that routes can answer with, from the catalogue of codes.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    IntoResponses,
    openapi::{
        Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder, example::ExampleBuilder, path::Operation,
    },
};

use crate::{
    auth::access::{Needs, Rule},
    error::{Code, Problem},
    limits::Limit,
    middleware::shed::Class,
};

/// What every body can be refused for, besides its values.
const BODY: [Code; 6] = [
    Code::MalformedJson,
    Code::InvalidUtf8,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::ValidationFailed,
];

/// What a request under an `Idempotency-Key` can be refused for.
const IDEMPOTENCY: [Code; 3] = [Code::InvalidIdempotencyKey, Code::IdempotencyInFlight, Code::IdempotencyKeyReused];

/// Adds what any route of this kind can answer to what one says of itself. Where
/// two sets of [`problem_set`] share a status, utoipa keeps one; this is where the
/// others come back.
pub(super) fn complete(operation: &mut Operation, rule: &Rule, is_idempotent: bool, is_conditional: bool) {
    let mut codes = vec![Code::InternalError, Code::Timeout];
    if !rule.query {
        codes.push(Code::UnknownParameter);
    }
    if rule.class != Class::Probe {
        codes.push(Code::Overloaded);
    }
    if rule.limit != Limit::Free {
        codes.push(Code::RateLimited);
    }
    if rule.path.starts_with("/api/") {
        codes.push(Code::NotAcceptable);
    }
    // A POST that acts on the queue has no body, and refuses one.
    if operation.request_body.is_some() || is_idempotent {
        codes.extend(BODY);
    }
    if is_idempotent {
        codes.extend(IDEMPOTENCY);
    }
    if is_conditional {
        codes.push(Code::MalformedRequest);
    }
    if rule.needs != Needs::Anybody {
        codes.extend([Code::Unauthenticated, Code::InvalidToken, Code::ServiceUnavailable, Code::InsufficientScope]);
    }
    if matches!(rule.needs, Needs::Staff | Needs::Admin) {
        codes.push(Code::Forbidden);
    }
    if rule.verified {
        codes.push(Code::EmailUnverified);
    }
    add(operation, &codes);
}

/// Adds what a route can answer to what it says of itself.
fn add(operation: &mut Operation, codes: &[Code]) {
    for code in codes {
        for (status, common) in responses(&[*code]) {
            match operation.responses.responses.get_mut(&status) {
                Some(RefOr::T(own)) => merge(own, &common),
                Some(RefOr::Ref(_)) => {}
                None => drop(operation.responses.responses.insert(status, common)),
            }
        }
    }
}

/// Adds the examples and the words of one response to those of another of the same status.
fn merge(own: &mut Response, common: &RefOr<Response>) {
    let RefOr::T(common) = common else { return };
    if !own.description.split("; ").any(|title| title == common.description) {
        own.description = format!("{}; {}", own.description, common.description);
    }
    for (media, content) in &common.content {
        match (own.content.get_mut(media), content) {
            (Some(RefOr::T(known)), RefOr::T(content)) => known.examples.extend(content.examples.clone()),
            (Some(_), _) => {}
            (None, content) => drop(own.content.insert(media.clone(), content.clone())),
        }
    }
}

/// Declares a set of problems that a route can answer with, as `responses(...)`
/// of `utoipa::path` takes it. The words come from the catalogue.
macro_rules! problem_set {
    ($($(#[$doc:meta])* $name:ident: $($code:ident),+;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[$(Code::$code),+])
            }
        }
    )+};
}

problem_set! {
    /// What a route with a body can answer.
    BodyProblems: MalformedJson, InvalidUtf8, RequestTimeout, BodyTooLarge, UnsupportedMediaType,
        ValidationFailed;
    /// What a route that needs PostgreSQL can answer.
    OutageProblems: ServiceUnavailable;
    /// What a route to one thing can answer.
    NotFoundProblems: NotFound, ServiceUnavailable;
    /// What a list can answer.
    ListProblems: InvalidParameter, UnknownParameter, ServiceUnavailable;
    /// What the list of jobs can answer besides.
    JobListProblems: Forbidden;
    /// What a change of one thing can answer.
    ChangeProblems: NotFound, Forbidden, PreconditionFailed, MalformedRequest, ServiceUnavailable;
    /// What deleting one thing can answer.
    DeleteProblems: InUse;
    /// What a POST under an `Idempotency-Key` can answer.
    IdempotencyProblems: InvalidIdempotencyKey, IdempotencyInFlight, IdempotencyKeyReused;
    /// The same, where a secret is shown once.
    SecretProblems: SecretAlreadyShown;
    /// What greeting somebody can answer.
    NameProblems: MalformedRequest, ValidationFailed;
    /// What a route to one thing that has a name can answer.
    NamedProblems: MalformedRequest, NotFound, ServiceUnavailable;
    /// What cancelling a job can answer.
    CancelProblems: JobWrongState;
    /// What running a job again can answer.
    RetryProblems: JobWrongState, JobKeyHeld;
    /// What registration can answer.
    RegisterProblems: EmailTaken, UsernameTaken, ServiceUnavailable;
    /// What a change of a username can answer.
    UsernameProblems: UsernameTaken;
    /// What taking an admin away can answer.
    LastAdminProblems: LastAdmin;
    /// What a change of oneself can answer.
    OwnChangeProblems: PreconditionFailed, MalformedRequest, ServiceUnavailable;
    /// What login can answer.
    LoginProblems: InvalidCredentials, TotpRequired, LoginThrottled, ServiceUnavailable;
    /// What beginning a login at a provider can answer.
    ProviderProblems: NotFound, ServiceUnavailable;
    /// What coming back from a provider can answer.
    CallbackProblems: OauthStateInvalid, OauthRefused, InvalidParameter, InvalidCredentials, TotpRequired, NotFound,
        IdentityNotLinkable, IdentityWithoutEmail, ServiceUnavailable;
    /// What giving up a provider can answer.
    UnlinkProblems: LastLoginMethod, NotFound, ServiceUnavailable;
    /// What a refresh can answer.
    RefreshProblems: RefreshTokenInvalid, ServiceUnavailable;
    /// What the page behind the link can answer.
    LinkProblems: TokenInvalid, InvalidParameter;
    /// What verification can answer; with what its body can be refused for.
    VerifyProblems: TokenInvalid, TokenExpired, MalformedJson, InvalidUtf8, ServiceUnavailable;
    /// What the form behind a reset link can answer.
    ResetLinkProblems: ResetTokenInvalid, ResetTokenExpired, InvalidParameter, ServiceUnavailable;
    /// What setting a new password can answer.
    ResetProblems: ResetTokenInvalid, ResetTokenExpired, ServiceUnavailable;
    /// What a route that asks for the password again can answer.
    PasswordProblems: PasswordNotSet, LoginThrottled;
    /// What the page behind the link to a new address can answer.
    ConfirmEmailLinkProblems: EmailChangeTokenInvalid, InvalidParameter;
    /// What the confirmation of a new address can answer.
    ConfirmEmailProblems: EmailChangeTokenInvalid, EmailChangeTokenExpired, EmailTaken, ServiceUnavailable;
    /// What the beginning of a second factor can answer.
    TotpSetupProblems: PasswordNotSet, TotpAlreadyEnabled, LoginThrottled;
    /// What the first code of a second factor can answer.
    TotpConfirmProblems: TotpNotSetUp, TotpAlreadyEnabled, LoginThrottled;
    /// What a change of a second factor can answer.
    TotpFactorProblems: PasswordNotSet, TotpNotSetUp, LoginThrottled;
    /// What the second step of a login can answer.
    LoginTotpProblems: MfaTokenInvalid, WrongCode, LoginThrottled, ServiceUnavailable;
}

/// One response a status, with an example a code.
fn responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let status = code.entry().status.as_str().to_owned();
        by_status.entry(status).or_default().push(*code);
    }
    by_status.into_iter().map(|(status, codes)| (status, RefOr::T(response(&codes)))).collect()
}

fn response(codes: &[Code]) -> Response {
    let titles: Vec<_> = codes.iter().map(|code| code.entry().title.en).collect();
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    for code in codes {
        let slug = code.entry().slug;
        content.examples.insert(slug.to_owned(), RefOr::Ref(Ref::new(format!("#/components/examples/{slug}"))));
    }
    ResponseBuilder::new().description(titles.join("; ")).content("application/problem+json", content).build()
}

/// Says once what each problem looks like.
pub(super) fn declare(components: &mut Components) {
    for code in Code::ALL {
        let entry = code.entry();
        let body = Problem::new(*code).body(
            callboard_shared::domain::Locale::En,
            "http://127.0.0.1:8000",
            "/api/v1/…",
            "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11",
        );
        let example = ExampleBuilder::new().summary(entry.title.en).value(Some(json!(body))).build();
        components.examples.insert(entry.slug.to_owned(), example.into());
    }
}
