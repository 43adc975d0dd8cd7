//! The table of routes: what each needs of its caller.
//!
//! It is the only place that says so: the gate enforces it, the description
//! takes its security from it, and `docs/authorization.md` is what a test finds
//! when it tries every route as every kind of caller. A route without a row
//! answers 500, and a test names it. Whose rows a caller may touch is in
//! [`ownership`](super::ownership).

use std::collections::HashMap;

use axum::http::Method;

use crate::{limits::Limit, middleware::shed::Class};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Everybody, logged in or not.
    Anybody,
    /// A person who has logged in; a key never, whatever its scopes.
    Session,
    /// A person, or a key that has the scope.
    User,
    /// The same, of a manager or an admin.
    Staff,
    /// The same, of an admin.
    Admin,
}

/// What one route needs.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// The path, as the router writes it.
    pub path: &'static str,
    /// Who may call.
    pub needs: Needs,
    /// What a key must have been given; none where keys are refused.
    pub scope: Option<&'static str>,
    /// Whether the caller's email address must be verified.
    pub verified: bool,
    /// Whether the route takes query parameters; where it takes none, any is refused.
    pub query: bool,
    /// The rate limit that counts.
    pub limit: Limit,
    /// How early the route is refused under load.
    pub class: Class,
}

impl Rule {
    const fn new(method: Method, path: &'static str, needs: Needs) -> Self {
        let class = if matches!(method, Method::GET) { Class::Read } else { Class::Write };
        Self { method, path, needs, scope: None, verified: false, query: false, limit: Limit::General, class }
    }

    const fn scope(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }

    const fn verified(mut self) -> Self {
        self.verified = true;
        self
    }

    const fn query(mut self) -> Self {
        self.query = true;
        self
    }

    const fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    const fn probe(mut self) -> Self {
        self.limit = Limit::Free;
        self.class = Class::Probe;
        self
    }
}

const fn get(path: &'static str, needs: Needs) -> Rule {
    Rule::new(Method::GET, path, needs)
}

const fn post(path: &'static str, needs: Needs) -> Rule {
    Rule::new(Method::POST, path, needs)
}

const fn put(path: &'static str, needs: Needs) -> Rule {
    Rule::new(Method::PUT, path, needs)
}

const fn patch(path: &'static str, needs: Needs) -> Rule {
    Rule::new(Method::PATCH, path, needs)
}

const fn delete(path: &'static str, needs: Needs) -> Rule {
    Rule::new(Method::DELETE, path, needs)
}

use Needs::{Admin, Anybody, Session, Staff, User};

/// Every route, in the order of the paths.
pub const RULES: &[Rule] = &[
    get("/", Anybody),
    get("/api/v1/accounts", User).scope("accounts:read").query(),
    post("/api/v1/accounts", User).scope("accounts:write").verified(),
    get("/api/v1/accounts/{id}", User).scope("accounts:read"),
    put("/api/v1/accounts/{id}", User).scope("accounts:write").verified(),
    patch("/api/v1/accounts/{id}", User).scope("accounts:write").verified(),
    delete("/api/v1/accounts/{id}", User).scope("accounts:write").verified(),
    get("/api/v1/api-keys", Session).query(),
    post("/api/v1/api-keys", Session).verified(),
    get("/api/v1/api-keys/{id}", Session),
    delete("/api/v1/api-keys/{id}", Session),
    get("/api/v1/audit-log", Admin).scope("audit:read").query(),
    post("/api/v1/auth/change-email", Session).limit(Limit::Login),
    post("/api/v1/auth/change-password", Session).limit(Limit::Login),
    get("/api/v1/auth/confirm-email", Anybody).query(),
    post("/api/v1/auth/confirm-email", Anybody),
    post("/api/v1/auth/forgot-password", Anybody).limit(Limit::Reset),
    post("/api/v1/auth/login", Anybody).limit(Limit::Login),
    post("/api/v1/auth/login/totp", Anybody).limit(Limit::Login),
    post("/api/v1/auth/logout", Session),
    get("/api/v1/auth/me", Session),
    get("/api/v1/auth/oauth/{provider}", Anybody).limit(Limit::Login),
    delete("/api/v1/auth/oauth/{provider}", Session),
    get("/api/v1/auth/oauth/{provider}/callback", Anybody).query().limit(Limit::Login),
    get("/api/v1/auth/providers", Anybody),
    post("/api/v1/auth/refresh", Anybody).limit(Limit::Refresh),
    post("/api/v1/auth/register", Anybody).limit(Limit::Register),
    post("/api/v1/auth/resend-verification", Anybody).limit(Limit::Reset),
    get("/api/v1/auth/reset-password", Anybody).query(),
    post("/api/v1/auth/reset-password", Anybody).limit(Limit::Reset),
    get("/api/v1/auth/sessions", Session),
    delete("/api/v1/auth/sessions", Session),
    delete("/api/v1/auth/sessions/{id}", Session),
    get("/api/v1/auth/totp", Session),
    post("/api/v1/auth/totp", Session).verified().limit(Limit::Login),
    post("/api/v1/auth/totp/confirm", Session).verified().limit(Limit::Login),
    post("/api/v1/auth/totp/disable", Session).limit(Limit::Login),
    post("/api/v1/auth/totp/recovery-codes", Session).limit(Limit::Login),
    get("/api/v1/auth/verify-email", Anybody).query(),
    post("/api/v1/auth/verify-email", Anybody),
    get("/api/v1/hello", Anybody),
    get("/api/v1/hello/{name}", Anybody),
    get("/api/v1/items", Anybody).query(),
    post("/api/v1/items", User).scope("items:write").verified(),
    get("/api/v1/items/{id}", Anybody),
    put("/api/v1/items/{id}", User).scope("items:write").verified(),
    patch("/api/v1/items/{id}", User).scope("items:write").verified(),
    delete("/api/v1/items/{id}", User).scope("items:write").verified(),
    get("/api/v1/jobs", User).scope("jobs:read").query(),
    get("/api/v1/jobs/{id}", User).scope("jobs:read"),
    post("/api/v1/jobs/{id}/cancel", Staff).scope("jobs:write").verified(),
    post("/api/v1/jobs/{id}/retry", Staff).scope("jobs:write").verified(),
    get("/api/v1/jobs/{id}/why", User).scope("jobs:read"),
    get("/api/v1/profiles", User).scope("profiles:read").query(),
    post("/api/v1/profiles", User).scope("profiles:write").verified(),
    get("/api/v1/profiles/{id}", User).scope("profiles:read"),
    put("/api/v1/profiles/{id}", User).scope("profiles:write").verified(),
    patch("/api/v1/profiles/{id}", User).scope("profiles:write").verified(),
    delete("/api/v1/profiles/{id}", User).scope("profiles:write").verified(),
    get("/api/v1/queues", Staff).scope("jobs:read"),
    get("/api/v1/queues/{name}", Staff).scope("jobs:read"),
    post("/api/v1/queues/{name}/pause", Staff).scope("jobs:write").verified(),
    post("/api/v1/queues/{name}/resume", Staff).scope("jobs:write").verified(),
    get("/api/v1/rate-limits", Anybody).limit(Limit::Free),
    get("/api/v1/schedules", Staff).scope("jobs:read"),
    get("/api/v1/schedules/{name}", Staff).scope("jobs:read"),
    patch("/api/v1/schedules/{name}", Staff).scope("jobs:write").verified(),
    post("/api/v1/schedules/{name}/run", Staff).scope("jobs:write").verified(),
    get("/api/v1/users", Admin).scope("users:read").query(),
    post("/api/v1/users", Admin).scope("users:write"),
    get("/api/v1/users/me", User).scope("users:read"),
    put("/api/v1/users/me", User).scope("users:write"),
    patch("/api/v1/users/me", User).scope("users:write"),
    delete("/api/v1/users/me", User).scope("users:write"),
    get("/api/v1/users/me/permissions", User).scope("users:read"),
    get("/api/v1/users/{id}", User).scope("users:read"),
    put("/api/v1/users/{id}", User).scope("users:write"),
    patch("/api/v1/users/{id}", User).scope("users:write"),
    delete("/api/v1/users/{id}", User).scope("users:write"),
    get("/api/v1/workers", Staff).scope("jobs:read"),
    get("/assets/page.css", Anybody),
    get("/docs", Anybody),
    get("/docs/{file}", Anybody).limit(Limit::Free),
    get("/health", Anybody).probe(),
    get("/livez", Anybody).probe(),
    get("/openapi.json", Anybody),
    get("/problems", Anybody),
    get("/problems/{code}", Anybody),
    get("/readyz", Anybody).probe(),
    get("/redoc", Anybody),
];

/// The table, ready to be asked.
#[derive(Debug)]
pub struct Access(HashMap<&'static str, Vec<&'static Rule>>);

impl Access {
    /// The rules of [`RULES`].
    #[must_use]
    pub fn new() -> Self {
        let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
        for rule in RULES {
            by_path.entry(rule.path).or_default().push(rule);
        }
        Self(by_path)
    }

    /// The rule of a route; a HEAD is a GET whose answer has no body.
    #[must_use]
    pub fn rule(&self, method: &Method, path: &str) -> Option<&'static Rule> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(path)?.iter().copied().find(|rule| rule.method == *method)
    }
}

impl Default for Access {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_one_row_and_the_rows_are_in_order() {
        let rows: Vec<_> = RULES.iter().map(|rule| (rule.path, rule.method.as_str())).collect();
        let mut unique = rows.clone();
        unique.dedup();
        assert_eq!(rows, unique);
        assert!(rows.iter().map(|(path, _)| path).is_sorted(), "{rows:#?}");
    }

    /// A key that could pass without a scope would be a key to everything.
    #[test]
    fn what_keys_may_call_names_a_scope() {
        for rule in RULES {
            let takes_keys = matches!(rule.needs, Needs::User | Needs::Staff | Needs::Admin);
            assert_eq!(takes_keys, rule.scope.is_some(), "{} {}", rule.method, rule.path);
        }
    }
}
