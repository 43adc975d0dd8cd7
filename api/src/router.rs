//! The URL table: every route of the API, and what every request passes.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderName, header},
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tower::{Layer, util::option_layer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::CorsLayer,
    normalize_path::{NormalizePath, NormalizePathLayer},
};
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{Code, Problem},
    extract::RequestInfo,
    middleware::{accept, gate, observe, panics, problems, security, time_limit, unpack},
    openapi::{self, Description},
    pages,
    routes::{self as handlers, accounts, auth, health, hello, items, jobs, profiles, rate_limits, welcome},
    state::AppState,
};

const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// The routes of the API. What each needs of its caller is in [`access`](crate::auth::access).
fn api_routes() -> OpenApiRouter<AppState> {
    json_routes().route_layer(from_fn(accept::json)).merge(html_routes())
}

/// Those that answer in JSON.
fn json_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(welcome::welcome)) // GET /
        .routes(routes!(health::health)) // GET /health
        .routes(routes!(health::livez)) // GET /livez
        .routes(routes!(health::readyz)) // GET /readyz
        .routes(routes!(hello::hello)) // GET /api/v1/hello
        .routes(routes!(hello::hello_name)) // GET /api/v1/hello/{name}
        .routes(routes!(auth::register::register)) // POST /api/v1/auth/register
        .routes(routes!(auth::resend_verification::resend)) // POST /api/v1/auth/resend-verification
        .routes(routes!(auth::login::login)) // POST /api/v1/auth/login
        .routes(routes!(auth::refresh::refresh)) // POST /api/v1/auth/refresh
        .routes(routes!(auth::logout::logout)) // POST /api/v1/auth/logout
        .routes(routes!(auth::sessions::list, auth::sessions::revoke_others)) // GET, DELETE /api/v1/auth/sessions
        .routes(routes!(auth::sessions::revoke)) // DELETE /api/v1/auth/sessions/{id}
        .routes(routes!(auth::me::me)) // GET /api/v1/auth/me
        .routes(routes!(auth::providers::list)) // GET /api/v1/auth/providers
        .routes(routes!(auth::oauth::begin, auth::oauth::unlink)) // GET, DELETE /api/v1/auth/oauth/{provider}
        .routes(routes!(auth::oauth::callback)) // GET /api/v1/auth/oauth/{provider}/callback
        .routes(routes!(auth::verify_email::verify)) // POST /api/v1/auth/verify-email
        .routes(routes!(auth::forgot_password::forgot)) // POST /api/v1/auth/forgot-password
        .routes(routes!(auth::reset_password::reset)) // POST /api/v1/auth/reset-password
        .routes(routes!(auth::change_password::change)) // POST /api/v1/auth/change-password
        .routes(routes!(auth::change_email::change)) // POST /api/v1/auth/change-email
        .routes(routes!(auth::confirm_email::confirm)) // POST /api/v1/auth/confirm-email
        .routes(routes!(auth::totp::status, auth::totp::begin)) // GET, POST /api/v1/auth/totp
        .routes(routes!(auth::totp::confirm)) // POST /api/v1/auth/totp/confirm
        .routes(routes!(auth::totp::disable)) // POST /api/v1/auth/totp/disable
        .routes(routes!(auth::totp::renew)) // POST /api/v1/auth/totp/recovery-codes
        .routes(routes!(auth::login_totp::login)) // POST /api/v1/auth/login/totp
        .routes(routes!(handlers::audit_log::list)) // GET /api/v1/audit-log
        .merge(handlers::users::router()) // /api/v1/users
        .merge(handlers::api_keys::router()) // /api/v1/api-keys
        .merge(accounts::router()) // /api/v1/accounts
        .merge(items::router()) // /api/v1/items
        .merge(profiles::router()) // /api/v1/profiles
        .merge(jobs::router()) // /api/v1/jobs
        .merge(handlers::queues::router()) // /api/v1/queues
        .merge(handlers::schedules::router()) // /api/v1/schedules
        .routes(routes!(handlers::workers::list)) // GET /api/v1/workers
        .routes(routes!(rate_limits::show)) // GET /api/v1/rate-limits
}

/// The pages behind links in mails.
fn html_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(auth::verify_email::page)) // GET /api/v1/auth/verify-email
        .routes(routes!(auth::reset_password::page)) // GET /api/v1/auth/reset-password
        .routes(routes!(auth::confirm_email::page)) // GET /api/v1/auth/confirm-email
}

/// Pages for people, and the description itself; they are no part of it.
fn page_routes(description: Bytes) -> Router<AppState> {
    Router::new()
        .route("/openapi.json", get(async move || (JSON, description.clone())))
        .route("/assets/page.css", get(pages::style))
        .route("/docs", get(pages::swagger_ui))
        .route("/docs/{file}", get(pages::swagger_asset))
        .route("/problems", get(handlers::problems::index))
        .route("/problems/{code}", get(handlers::problems::show))
        .route("/redoc", get(pages::redoc))
}

/// The OpenAPI description of every route.
#[must_use]
pub fn description() -> Document {
    split().1
}

fn split() -> (Router<AppState>, Document) {
    let api = OpenApiRouter::with_openapi(Description::openapi()).merge(api_routes());
    let (routes, mut document) = api.split_for_parts();
    openapi::complete(&mut document);
    (routes, document)
}

/// What answers every request: the whole application as one service.
pub type App = NormalizePath<Router>;

/// The application: the routes inside of what every request passes.
///
/// # Errors
/// When the description does not become JSON.
pub fn build(state: &AppState, cors: Option<CorsLayer>) -> Result<App, serde_json::Error> {
    let (routes, document) = split();
    let description = Bytes::from(document.to_json()?);
    let routes = routes.merge(page_routes(description));
    let gated = routes.route_layer(from_fn_with_state(state.clone(), gate::gate));
    Ok(layered(gated, state, cors))
}

/// Puts around `routes` what every request passes, in the order that
/// [`crate::middleware`] explains.
fn layered(routes: Router<AppState>, state: &AppState, cors: Option<CorsLayer>) -> App {
    let layered = routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(unpack::unpack))
        .layer(from_fn_with_state(state.request_timeout, time_limit::time_limit))
        .layer(CatchPanicLayer::custom(panics::answer))
        .layer(from_fn_with_state(state.renderer.clone(), problems::render))
        .layer(CompressionLayer::new())
        .layer(option_layer(cors))
        .layer(from_fn_with_state(state.behind_tls(), security::headers))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state.clone());
    NormalizePathLayer::trim_trailing_slash().layer(layered)
}

async fn unknown_route(State(state): State<AppState>, info: RequestInfo) -> Problem {
    gate::refuse(&state, &info, Code::UnknownRoute).await
}

async fn method_not_allowed(State(state): State<AppState>, info: RequestInfo) -> Problem {
    gate::refuse(&state, &info, Code::MethodNotAllowed).await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::{
        body::{Body, to_bytes},
        http::{Request, StatusCode},
    };
    use callboard_shared::{config::Environment, telemetry::Telemetry};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::settings::Settings;

    /// Nothing listens where these point; no test here gets that far.
    const SETTINGS: [(&str, &str); 4] = [
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("REQUEST_TIMEOUT_SECONDS", "1"),
    ];

    fn app() -> App {
        let settings = Settings::from_environment(Environment::from_pairs(SETTINGS));
        let telemetry = Telemetry::new("test").unwrap();
        let state = AppState::new(&settings, "http://api.test".into(), &telemetry).unwrap();
        let routes = Router::new()
            .route("/panic", get(async || -> () { panic!("a secret") }))
            .route("/slow", get(pending::<()>))
            .route("/bare", get(async || StatusCode::UNSUPPORTED_MEDIA_TYPE));
        layered(routes, &state, None)
    }

    async fn problem(path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("x-request-id", "id-1").body(Body::empty()).unwrap();
        let answer = app().oneshot(request).await.unwrap();
        let status = answer.status();
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.headers()["x-request-id"], "id-1");
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing() {
        let (status, body) = problem("/panic").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["code"], "internal_error");
        assert_eq!(body["type"], "http://api.test/problems/internal_error");
        assert_eq!(body["request_id"], "id-1");
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_past_its_time_is_given_up() {
        let (status, body) = problem("/slow").await;
        assert_eq!((status, body["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("timeout")));
    }

    #[tokio::test]
    async fn an_unknown_route_and_a_bare_status_are_problems_too() {
        assert_eq!(problem("/nowhere/").await.1["instance"], "/nowhere");
        let (status, body) = problem("/bare").await;
        assert_eq!((status.as_u16(), body["status"].as_u64()), (415, Some(415)));
    }

    #[tokio::test]
    async fn pages_take_no_parameters_either() {
        let settings = Settings::from_environment(Environment::from_pairs(SETTINGS));
        let telemetry = Telemetry::new("test").unwrap();
        let state = AppState::new(&settings, "http://api.test".into(), &telemetry).unwrap();
        let app = build(&state, None).unwrap();
        for path in ["/openapi.json", "/docs", "/redoc", "/problems", "/problems/not_found", "/assets/page.css"] {
            for (query, status) in [("", StatusCode::OK), ("?x=1", StatusCode::BAD_REQUEST)] {
                let request = Request::get(format!("{path}{query}")).body(Body::empty()).unwrap();
                assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status, "{path}{query}");
            }
        }
    }

    #[test]
    fn every_route_of_the_api_is_described() {
        let document = description();
        assert!(document.paths.paths.len() >= 11);
        for (path, item) in &document.paths.paths {
            for operation in [&item.get, &item.post].into_iter().flatten() {
                assert!(operation.summary.is_some(), "{path} has no summary");
                assert!(operation.responses.responses.contains_key("500"), "{path}");
            }
        }
    }
}
