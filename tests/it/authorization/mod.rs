//! Who may call what: every route is tried as every kind of caller, by HTTP,
//! with rows of the caller's own and of others. What comes out must be what
//! [`policy`] says, what `docs/authorization.md` shows, and what
//! `GET /users/me/permissions` tells.

mod callers;
mod document;
mod policy;
mod requests;

use std::collections::{BTreeMap, BTreeSet};

use callboard_api::auth::access::{RULES, Rule};
use callboard_shared::domain::Role;
use callboard_tests::app::{App, Send as _};
use serde_json::Value;

use self::callers::{Kind, Party};
use self::policy::Outcome;

/// Routes of people and tools, which are no part of the description.
const PAGES: [&str; 7] =
    ["/assets/page.css", "/docs", "/docs/{file}", "/openapi.json", "/problems", "/problems/{code}", "/redoc"];

/// What came of a route, by its place in the table and by who called.
type Observed = BTreeMap<(usize, Kind), Outcome>;

#[tokio::test]
async fn the_table_names_exactly_the_routes_that_are_served() {
    let description = serde_json::to_value(callboard_api::router::description()).unwrap();
    let mut served: BTreeSet<(String, String)> = PAGES.map(|path| ("GET".to_owned(), path.to_owned())).into();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let methods =
            operations.as_object().unwrap().iter().filter(|(_, operation)| operation["responses"].is_object());
        served.extend(methods.map(|(method, _)| (method.to_uppercase(), path.clone())));
    }
    let named: BTreeSet<_> = RULES.iter().map(|rule| (rule.method.to_string(), rule.path.to_owned())).collect();
    let without_a_row: Vec<_> = served.difference(&named).collect();
    let not_served: Vec<_> = named.difference(&served).collect();
    assert!(without_a_row.is_empty(), "no row in auth/access.rs: {without_a_row:?}");
    assert!(not_served.is_empty(), "rows of auth/access.rs without a route: {not_served:?}");
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_document_says() {
    let app = App::start().await;
    // So that none of those who come and go is the last.
    callers::user(&app, Role::Admin, true).await;
    let mut observed = Observed::new();
    let mut wrong = Vec::new();
    for (index, rule) in RULES.iter().enumerate() {
        for kind in Kind::ALL {
            let (outcome, expected) = (attempt(&app, rule, kind).await, policy::expected(rule, kind));
            if outcome != expected {
                wrong.push(format!("{} {} by {kind:?}: {outcome:?}, not {expected:?}", rule.method, rule.path));
            }
            observed.insert((index, kind), outcome);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    document::compare(&observed);
    for kind in [Kind::Owner, Kind::Manager, Kind::Admin, Kind::Unverified] {
        permissions_are_true(&app, kind, &observed).await;
    }
}

/// One request by a new caller of this kind, on a new row.
async fn attempt(app: &App, rule: &'static Rule, kind: Kind) -> Outcome {
    let caller = Party::new(app, kind, rule).await;
    let others = callers::user(app, Role::Member, true).await;
    let owner = if kind.is_owner() { caller.id } else { others };
    let path = requests::path(app, rule, owner).await;
    // Of a list: whether it shows what belongs to somebody who is not the caller.
    let theirs =
        if requests::is_list(rule) { requests::row(app, &format!("{}/{{id}}", rule.path), others).await } else { None };
    let query = theirs.filter(|_| rule.query).map(|id| requests::narrowed(rule, id, others)).unwrap_or_default();
    let mut request = app.request(rule.method.as_str(), &format!("{path}{query}"));
    if let Some(body) = requests::body(rule) {
        request = request.json(&body);
    }
    if let Some(token) = &caller.token {
        request = request.bearer_auth(token);
    }
    let answer = request.answer().await;
    let outcome = Outcome::of(rule, &answer);
    match theirs {
        Some(id) if outcome == Outcome::Allowed && !answer.text().contains(&id.to_string()) => Outcome::OwnRows,
        _ => outcome,
    }
}

/// What such a caller is told of themselves is what was found.
async fn permissions_are_true(app: &App, kind: Kind, observed: &Observed) {
    let own = RULES.iter().find(|rule| rule.path == "/api/v1/users/me/permissions").unwrap();
    let caller = Party::new(app, kind, own).await;
    let told = app.get(own.path).bearer_auth(caller.token.unwrap()).answer().await.expect(200).json();
    let told = told["routes"].as_array().unwrap();
    for (index, rule) in RULES.iter().enumerate().filter(|(_, rule)| rule.path.starts_with("/api/")) {
        let is_told = |route: &&Value| route["method"] == rule.method.as_str() && route["path"] == rule.path;
        let route = told.iter().find(is_told).unwrap();
        let by = |kind| observed[&(index, kind)];
        let of_others = if kind.is_owner() { by(Kind::Stranger) } else { by(kind) };
        let is_refused = |outcome| matches!(outcome, Outcome::Forbidden | Outcome::NotFound);
        let is_true = match (route["allowed"].as_bool().unwrap(), route["whose"].as_str()) {
            (false, None) => by(kind) == Outcome::Forbidden,
            (true, Some("own")) if requests::is_of_a_row(rule) => is_refused(of_others),
            (true, Some("own")) if requests::is_list(rule) => by(kind) == Outcome::OwnRows,
            (true, Some("own" | "public")) => by(kind) == Outcome::Allowed,
            (true, Some("all")) => of_others == Outcome::Allowed,
            _ => false,
        };
        assert!(is_true, "{kind:?} is told {route}, but {:?} and {of_others:?} came of it", by(kind));
    }
}
