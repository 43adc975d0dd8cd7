//! Who should be let in, said a second time and without looking at the table or
//! at the code that does it.

use callboard_api::auth::access::{Needs, Rule};
use callboard_tests::answer::Answer;

use super::callers::Kind;
use super::requests::{is_list, is_of_a_row};

/// What comes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The caller is let in; of a list, to everybody's rows.
    Allowed,
    /// The caller is let in to a list of their own rows.
    OwnRows,
    /// 401
    Unauthenticated,
    /// 403
    Forbidden,
    /// 404
    NotFound,
}

impl Outcome {
    /// What this answer means. On the routes of `auth` a caller who was let in
    /// may still have asked for what can't be; elsewhere it must have been done.
    pub(super) fn of(rule: &Rule, answer: &Answer) -> Self {
        let is_problem = answer.header("content-type") == "application/problem+json";
        let code = if is_problem { answer.any_problem().code().to_owned() } else { String::new() };
        match (answer.status, code.as_str()) {
            (401, "unauthenticated" | "invalid_token") => Self::Unauthenticated,
            (403, "forbidden" | "insufficient_scope" | "email_unverified") => Self::Forbidden,
            (404, "not_found") if is_of_a_row(rule) => Self::NotFound,
            (200..300, _) => Self::Allowed,
            (..500, _) if rule.path.starts_with("/api/v1/auth/") => Self::Allowed,
            _ => panic!("{} {}: {} {code}", rule.method, rule.path, answer.status),
        }
    }
}

/// Who, besides the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    Nobody,
    Admins,
    Staff,
    Everybody,
}

/// Who besides the owner reads, and who writes, the rows of each resource.
const RESOURCES: [(&str, Others, Others); 7] = [
    ("/api/v1/accounts", Others::Staff, Others::Staff),
    ("/api/v1/api-keys", Others::Nobody, Others::Nobody),
    ("/api/v1/auth/sessions", Others::Nobody, Others::Nobody),
    ("/api/v1/items", Others::Everybody, Others::Admins),
    ("/api/v1/jobs", Others::Staff, Others::Staff),
    ("/api/v1/profiles", Others::Staff, Others::Staff),
    ("/api/v1/users", Others::Admins, Others::Admins),
];

/// What should come of it when this kind of caller calls this route.
pub(super) fn expected(rule: &Rule, kind: Kind) -> Outcome {
    let gate = at_the_gate(rule, kind);
    if gate != Outcome::Allowed || !(is_list(rule) || is_of_a_row(rule)) {
        return gate;
    }
    let collection = rule.path.split("/{id}").next().unwrap();
    let (_, readers, writers) = RESOURCES.iter().find(|(path, ..)| *path == collection).expect("a row in RESOURCES");
    let is_one_of = |others: Others| match others {
        Others::Nobody => false,
        Others::Admins => kind.role(rule).as_str() == "admin",
        Others::Staff => kind.role(rule).is_staff(),
        Others::Everybody => true,
    };
    let may = |others| (is_of_a_row(rule) && kind.is_owner()) || is_one_of(others);
    match (is_list(rule), rule.method.as_str()) {
        (true, _) if !may(*readers) => Outcome::OwnRows,
        (false, _) if !may(*readers) => Outcome::NotFound,
        (_, "PUT" | "PATCH" | "DELETE") if !may(*writers) => Outcome::Forbidden,
        _ => Outcome::Allowed,
    }
}

/// What anybody may call; so may they what is outside `/api/v1`.
const PUBLIC: [&str; 20] = [
    "GET /api/v1/auth/confirm-email",
    "POST /api/v1/auth/confirm-email",
    "POST /api/v1/auth/forgot-password",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/login/totp",
    "GET /api/v1/auth/oauth/{provider}",
    "GET /api/v1/auth/oauth/{provider}/callback",
    "GET /api/v1/auth/providers",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/resend-verification",
    "GET /api/v1/auth/reset-password",
    "POST /api/v1/auth/reset-password",
    "GET /api/v1/auth/verify-email",
    "POST /api/v1/auth/verify-email",
    "GET /api/v1/hello",
    "GET /api/v1/hello/{name}",
    "GET /api/v1/items",
    "GET /api/v1/items/{id}",
    "GET /api/v1/rate-limits",
];

/// What is for admins, whosever the rows.
const ADMINS_ONLY: [&str; 3] = ["GET /api/v1/audit-log", "GET /api/v1/users", "POST /api/v1/users"];

/// What is for managers and admins, whosever the rows.
const STAFF_ONLY: [&str; 11] = [
    "POST /api/v1/jobs/{id}/cancel",
    "POST /api/v1/jobs/{id}/retry",
    "GET /api/v1/queues",
    "GET /api/v1/queues/{name}",
    "POST /api/v1/queues/{name}/pause",
    "POST /api/v1/queues/{name}/resume",
    "GET /api/v1/schedules",
    "GET /api/v1/schedules/{name}",
    "PATCH /api/v1/schedules/{name}",
    "POST /api/v1/schedules/{name}/run",
    "GET /api/v1/workers",
];

/// What changes something, and yet doesn't wait for a verified email address:
/// people's own data, and the way in and out.
const UNVERIFIED: [&str; 4] = ["/api/v1/api-keys/{id}", "/api/v1/auth/", "/api/v1/users", "/api/v1/users/"];

/// And of those, what does wait for it: what would lock the true owner of the
/// address out.
const VERIFIED: [&str; 2] = ["POST /api/v1/auth/totp", "POST /api/v1/auth/totp/confirm"];

/// What the route should need, whatever the table says.
fn needs(route: &str, path: &str) -> Needs {
    if !path.starts_with("/api/v1/") || PUBLIC.contains(&route) {
        Needs::Anybody
    } else if ADMINS_ONLY.contains(&route) {
        Needs::Admin
    } else if STAFF_ONLY.contains(&route) {
        Needs::Staff
    } else if path.starts_with("/api/v1/auth/") || path.starts_with("/api/v1/api-keys") {
        Needs::Session
    } else {
        Needs::User
    }
}

/// Whether the route should wait for a verified email address.
fn needs_verification(route: &str, path: &str) -> bool {
    let is_exempt = |prefix: &&str| if prefix.ends_with('/') { path.starts_with(*prefix) } else { path == *prefix };
    VERIFIED.contains(&route) || !(route.starts_with("GET ") || UNVERIFIED.iter().any(is_exempt))
}

/// What comes of it before any row is looked at.
fn at_the_gate(rule: &Rule, kind: Kind) -> Outcome {
    let route = format!("{} {}", rule.method, rule.path);
    let is_admin = kind.role(rule).as_str() == "admin";
    let may_enter = match needs(&route, rule.path) {
        Needs::Anybody => return Outcome::Allowed,
        _ if kind == Kind::Anonymous => return Outcome::Unauthenticated,
        Needs::Session => !kind.is_key(),
        Needs::User => true,
        Needs::Staff => kind.role(rule).is_staff(),
        Needs::Admin => is_admin,
    };
    let is_verified = kind != Kind::Unverified || !needs_verification(&route, rule.path);
    if may_enter && is_verified && kind != Kind::OtherKey { Outcome::Allowed } else { Outcome::Forbidden }
}
