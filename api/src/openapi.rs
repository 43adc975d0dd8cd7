//! The OpenAPI description: what is common to all routes. Each route describes
//! itself where its handler is.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, Header, HeaderBuilder, OpenApi as Document, PathItem, Ref, RefOr, Response, ResponseBuilder,
        SecurityRequirement,
        example::ExampleBuilder,
        path::Operation,
        schema::{ObjectBuilder, Type},
        security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme},
    },
};

use crate::error::{Code, FieldProblem, Problem, ProblemBody};

/// The description without its routes.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Callboard",
        description = "The back office of a talent agency as a REST API, and the job platform under it.\n\n\
            Every error is `application/problem+json` (RFC 9457) with a stable `code`; its `type` \
            leads to a page that explains it. Unknown fields and query parameters are refused.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This installation")),
    tags(
        (name = "auth", description = "Registration, verification, login"),
        (name = "jobs", description = "Work that requests have caused"),
        (name = "service", description = "The service itself"),
    ),
    components(schemas(ProblemBody, FieldProblem)),
    modifiers(&SecuritySchemes),
)]
pub struct Description;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token from `POST /api/v1/auth/login`."))
            .build();
        let password = Flow::Password(Password::new("/api/v1/auth/login", Scopes::new()));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("access_token", SecurityScheme::Http(bearer));
        components.add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([password])));
    }
}

/// Completes the description once all routes are in it: the problems and headers
/// that every answer may have, and the second way to say who calls.
pub fn complete(document: &mut Document) {
    add_problems(document, &[Code::InternalError, Code::Timeout]);
    for operation in operations(document) {
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                add_common_headers(response);
            }
        }
        if let Some(security) = &mut operation.security {
            security.push(SecurityRequirement::new("password", Vec::<String>::new()));
        }
    }
}

/// Adds what every route of `document` can answer to what each says of itself.
pub fn add_problems(document: &mut Document, codes: &[Code]) {
    let common = responses(codes);
    for operation in operations(document) {
        for (status, common) in &common {
            let own = operation.responses.responses.entry(status.clone());
            let own = own.or_insert_with(|| common.clone());
            if let (RefOr::T(own), RefOr::T(common)) = (own, common) {
                merge(own, common);
            }
        }
    }
}

/// Adds the examples of one response to those of another of the same status.
fn merge(own: &mut Response, common: &Response) {
    for (media, content) in &common.content {
        match (own.content.get_mut(media), content) {
            (Some(RefOr::T(known)), RefOr::T(content)) => known.examples.extend(content.examples.clone()),
            (Some(_), _) => {}
            (None, content) => drop(own.content.insert(media.clone(), content.clone())),
        }
    }
}

fn operations(document: &mut Document) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    items.flat_map(|item| {
        let PathItem { get, put, post, delete, patch, .. } = item;
        [get, put, post, delete, patch].into_iter().flatten()
    })
}

fn add_common_headers(response: &mut Response) {
    let header = |kind: Type, description: &str| -> RefOr<Header> {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind)))
            .description(Some(description))
            .build()
            .into()
    };
    let headers = &mut response.headers;
    headers.insert("X-Request-ID".into(), header(Type::String, "The request's id: the client's own, or a new one"));
    headers.insert("X-Process-Time".into(), header(Type::Number, "How long the answer took, in seconds"));
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
    /// What a route for users can answer.
    AuthProblems: Unauthenticated, InvalidToken, ServiceUnavailable;
    /// What a route to one thing can answer.
    NotFoundProblems: NotFound;
    /// What greeting somebody can answer.
    NameProblems: MalformedRequest, ValidationFailed;
    /// What registration can answer.
    RegisterProblems: EmailTaken, UsernameTaken, ServiceUnavailable;
    /// What login can answer.
    LoginProblems: InvalidCredentials, ServiceUnavailable;
    /// What the page behind the link can answer.
    LinkProblems: TokenInvalid, InvalidParameter;
    /// What verification can answer; with what its body can be refused for.
    VerifyProblems: TokenInvalid, TokenExpired, MalformedJson, InvalidUtf8, ServiceUnavailable;
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
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    for code in codes {
        let entry = code.entry();
        let body = Problem::new(*code).body(
            callboard_shared::domain::Locale::En,
            "http://127.0.0.1:8000",
            "/api/v1/…",
            "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11",
        );
        let example = ExampleBuilder::new().summary(entry.title.en).value(Some(json!(body))).build();
        content = content.examples_from_iter([(entry.slug, example)]);
    }
    ResponseBuilder::new().description(titles.join("; ")).content("application/problem+json", content.build()).build()
}
