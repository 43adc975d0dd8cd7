//! How callers say who they are.

use callboard_shared::domain::Scope;
use utoipa::{
    Modify,
    openapi::{
        OpenApi as Document, SecurityRequirement,
        path::Operation,
        security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme},
    },
};

use crate::auth::access::{Needs, Rule};

/// The schemes: a token or key that is there already, and the login that gets one.
const BEARER: &str = "bearer";
const LOGIN: &str = "login";

pub(super) struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT, or an API key: cb_…")
            .description(Some(
                "An access token from `POST /api/v1/auth/login`, or an API key from `POST /api/v1/api-keys`, \
                 which may do what its scopes say.",
            ))
            .build();
        let scopes: Scopes = Scope::ALL.iter().map(|scope| (scope.as_str(), scope.about())).collect();
        let flow = Password::with_refresh_url("/api/v1/auth/login", scopes, "/api/v1/auth/refresh");
        let login = OAuth2::with_description(
            [Flow::Password(flow)],
            "Logs in with an email address or username and the password. A person may do what their role allows, \
             whatever scopes are asked for: scopes are what API keys are limited by. `client_id` and \
             `client_secret` are not needed.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
        components.add_security_scheme(LOGIN, SecurityScheme::OAuth2(login));
    }
}

/// Adds what the table of routes asks of the caller.
pub(super) fn add(operation: &mut Operation, rule: &Rule) {
    if rule.needs == Needs::Anybody {
        return;
    }
    let scopes: Vec<String> = rule.scope.into_iter().map(ToOwned::to_owned).collect();
    operation.security =
        Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new()), SecurityRequirement::new(LOGIN, scopes)]);
    let who = match rule.needs {
        Needs::Session => "Needs a person who has logged in; API keys are refused.",
        Needs::Staff => "Needs a manager or an admin.",
        Needs::Admin => "Needs an admin.",
        Needs::Anybody | Needs::User => "",
    };
    let scope = rule.scope.map(|scope| format!("An API key needs the scope `{scope}`."));
    let verified = if rule.verified { "The caller's email address must be verified." } else { "" };
    let needs = [who, scope.as_deref().unwrap_or_default(), verified];
    let needs = needs.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let told = operation.description.take().filter(|told| !told.is_empty());
    operation.description = Some(told.map_or_else(|| needs.clone(), |told| format!("{told}\n\n{needs}")));
}
