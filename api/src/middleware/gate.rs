//! The gate before every handler: who calls, how often, and whether they may.
//!
//! In this order: who calls; their rate limit, which counts refusals too;
//! parameters where the route takes none; the load of the process; what the
//! route needs, by the table of [`access`](crate::auth::access).

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    auth::{Caller, access::Needs, access::Rule, identify},
    error::{Code, Problem, Text},
    extract::{RequestInfo, refuse_parameters},
    limits::Limit,
    middleware::shed::Guard,
    state::AppState,
};

/// A route that has no row in the table. A defect, which a test finds first.
#[derive(Debug, thiserror::Error)]
#[error("no rule in auth/access.rs for {method} {path}")]
struct NoRule {
    method: String,
    path: String,
}

/// Whoever calls, and their place among the requests under way.
type Passed = (Option<Caller>, Guard);

/// The middleware itself.
pub async fn gate(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let rule = match rule_of(&state, &request) {
        Ok(rule) => rule,
        Err(problem) => return problem.into_response(),
    };
    let info = RequestInfo::of(&request);
    match pass(&state, rule, (request.headers(), request.uri()), &info).await {
        Ok((caller, _place)) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Whoever calls, and their place among the requests under way.
async fn pass(
    state: &AppState,
    rule: &Rule,
    (headers, uri): (&HeaderMap, &Uri),
    info: &RequestInfo,
) -> Result<Passed, Problem> {
    let identified = identify(state, headers, info.client_ip()).await;
    let caller = identified.as_ref().ok().and_then(Option::as_ref);
    if let Some(caller) = caller {
        info.set_principal(caller.principal().to_owned());
    }
    info.set_rate(state.limits.admit(rule.limit, caller.map(Caller::principal), info.client_ip()).await?);
    if !rule.query {
        refuse_parameters(uri)?;
    }
    let place = state.shedder.enter(rule.class)?;
    Ok((authorize(rule, identified)?, place))
}

/// Refuses what no route takes, within the limit of the client's address.
pub async fn refuse(state: &AppState, info: &RequestInfo, code: Code) -> Problem {
    match state.limits.admit(Limit::General, None, info.client_ip()).await {
        Ok(rate) => {
            info.set_rate(rate);
            Problem::new(code)
        }
        Err(limited) => limited,
    }
}

fn rule_of(state: &AppState, request: &Request) -> Result<&'static Rule, Problem> {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let method = request.method();
    state
        .access
        .rule(method, path)
        .ok_or_else(|| Problem::internal(NoRule { method: method.to_string(), path: path.to_owned() }))
}

/// Whoever calls, if the rule lets them in. On a route for anybody a claim that
/// is not so is no claim.
fn authorize(rule: &Rule, identified: Result<Option<Caller>, Problem>) -> Result<Option<Caller>, Problem> {
    if rule.needs == Needs::Anybody {
        return Ok(identified.ok().flatten());
    }
    let caller = identified?.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    admit(rule, &caller)?;
    Ok(Some(caller))
}

/// Whether the rule lets this caller in.
///
/// # Errors
/// 403 with the scope, the role or the verification that is lacking.
pub(crate) fn admit(rule: &Rule, caller: &Caller) -> Result<(), Problem> {
    if rule.needs == Needs::Anybody {
        return Ok(());
    }
    if rule.needs == Needs::Session && caller.session_id().is_none() {
        return Err(lacks_scope(None));
    }
    if !caller.has_scope(rule.scope) {
        return Err(lacks_scope(rule.scope));
    }
    match rule.needs {
        Needs::Admin if !caller.is_admin() => return Err(lacks_role("admin")),
        Needs::Staff if !caller.is_staff() => return Err(lacks_role("manager")),
        _ => {}
    }
    if rule.verified && !caller.user().is_verified() {
        return Err(Problem::new(Code::EmailUnverified));
    }
    Ok(())
}

/// RFC 6750 § 3.1.
fn lacks_scope(scope: Option<&'static str>) -> Problem {
    let Some(scope) = scope else {
        return Problem::new(Code::InsufficientScope).with_detail(Text::fixed(
            "API keys can't be used here, whatever their scopes: log in as a person.",
            "API 키로는 사용할 수 없습니다. 사용자로 로그인하세요.",
        ));
    };
    let problem = Problem::new(Code::InsufficientScope).with_detail(Text::new(
        format!("This needs an API key with the scope {scope}."),
        format!("{scope} 범위가 있는 API 키가 필요합니다."),
    ));
    match HeaderValue::try_from(format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)) {
        Ok(value) => problem.with_header(header::WWW_AUTHENTICATE, value),
        Err(_) => problem,
    }
}

fn lacks_role(role: &str) -> Problem {
    Problem::new(Code::Forbidden)
        .with_detail(Text::new(format!("This needs the role {role}."), format!("{role} 역할이 필요합니다.")))
}
