//! `/api/v1/api-keys`: the keys by which services act for the caller.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use callboard_shared::{
    db::{
        api_keys::{self, ApiKeyDraft},
        listing,
    },
    domain::Scope,
    models::ApiKeyEntry,
};
use chrono::{DateTime, Months, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::Page,
    auth::Caller,
    error::{Code, FieldError, Problem, Text},
    extract::{Faults, Input, List, ListParams, PathId, Post, Reason, RequestInfo},
    openapi::{BodyProblems, IdempotencyProblems, ListProblems, NotFoundProblems, SecretProblems},
    services,
    state::AppState,
    work::Begun,
};

/// Where they are.
const PATH: &str = "/api/v1/api-keys";

/// Farthest end of a key, in months from now. One that should last has none.
const FARTHEST_END: Months = Months::new(60);

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, remove))
}

/// What of a key its user decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyBody {
    /// What it is called.
    #[schema(min_length = 1, max_length = 100, example = "Nightly import")]
    name: String,
    /// What it may do, within what its user may. Routes name the scope they need.
    #[schema(schema_with = scopes_schema)]
    scopes: Vec<String>,
    /// When it ends, at most five years from now; never when left out.
    expires_at: Option<DateTime<Utc>>,
}

fn scopes_schema() -> utoipa::openapi::schema::Array {
    use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
    let scope = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Scope::NAMES.iter().copied()));
    let array = ArrayBuilder::new().items(scope).min_items(Some(1)).unique_items(true);
    array.examples([serde_json::json!(["items:read", "items:write"])]).build()
}

impl Input for ApiKeyDraft {
    type Raw = ApiKeyBody;

    fn parse(raw: ApiKeyBody, faults: &mut Faults) -> Option<Self> {
        let name = faults.check("name", raw.name.parse());
        let scopes = parse_scopes(&raw.scopes, faults);
        let expires_at = faults.check_optional("expires_at", raw.expires_at.map(|end| check_end(end, Utc::now())));
        Some(Self { name: name?, scopes: scopes?, expires_at: expires_at? })
    }
}

/// The scopes in their order; each that is unknown or given twice is noted.
fn parse_scopes(raw: &[String], faults: &mut Faults) -> Option<Vec<Scope>> {
    if raw.is_empty() {
        faults.note(FieldError::field("scopes", "empty", NO_SCOPE));
        return None;
    }
    let mut scopes = Vec::new();
    let mut is_good = true;
    for (index, name) in raw.iter().enumerate() {
        let reason = match name.parse::<Scope>() {
            Ok(scope) if !scopes.contains(&scope) => {
                scopes.push(scope);
                continue;
            }
            Ok(_) => Reason { code: "duplicate", detail: SCOPE_TWICE },
            Err(unknown) => unknown.into(),
        };
        is_good = false;
        faults.note(FieldError::pointer(format!("#/scopes/{index}"), reason.code, reason.detail));
        // Of a list that long the client learns nothing new.
        if index > Scope::ALL.len() {
            break;
        }
    }
    scopes.sort();
    is_good.then_some(scopes)
}

fn check_end(end: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Reason> {
    if end <= now {
        return Err(Reason { code: "in_the_past", detail: ENDED });
    }
    let farthest = now.checked_add_months(FARTHEST_END);
    if farthest.is_some_and(|farthest| end <= farthest) {
        Ok(end)
    } else {
        Err(Reason { code: "too_far", detail: TOO_FAR })
    }
}

const NO_SCOPE: Text = Text::fixed("Name at least one scope.", "범위를 하나 이상 지정하세요.");
const SCOPE_TWICE: Text = Text::fixed("This scope is named twice.", "범위가 중복되었습니다.");
const ENDED: Text = Text::fixed("The end must lie in the future.", "만료 시각은 미래여야 합니다.");
const TOO_FAR: Text = Text::fixed(
    "The end lies at most five years from now. Leave it out for a key without one.",
    "만료 시각은 5년 이내여야 합니다. 만료가 없는 키는 이 항목을 생략하세요.",
);

/// A new key, with the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewApiKey {
    /// The key, for `Authorization: Bearer`. It is shown this once.
    #[schema(example = "cb_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwdLsG-O")]
    key: String,
    #[serde(flatten)]
    entry: ApiKeyEntry,
}

/// List one's keys
///
/// Never with the keys themselves.
#[utoipa::path(get, path = PATH, tag = "api-keys", params(ListParams<ApiKeyEntry>),
    responses((status = 200, description = "A page", body = Page<ApiKeyEntry>), ListProblems))]
async fn list(State(state): State<AppState>, caller: Caller, list: List<ApiKeyEntry>) -> Result<Response, Problem> {
    let mut conn = state.queue.pool().acquire().await?;
    let rows = listing::fetch(&mut conn, &list.request, Some(caller.user_id())).await?;
    Ok(Json(Page::<Value>::new(rows, &list)?).into_response())
}

/// Make a key
///
/// It acts for the caller within its scopes, and never more than the caller's
/// role allows. The answer has the key itself, which is shown this once.
#[utoipa::path(post, path = PATH, tag = "api-keys", request_body = ApiKeyBody,
    responses((status = 201, description = "The key", body = NewApiKey),
        BodyProblems, IdempotencyProblems, SecretProblems))]
async fn create(State(state): State<AppState>, caller: Caller, post: Post<ApiKeyDraft>) -> Result<Response, Problem> {
    let mut work = match post.begin(&state, &caller).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    let (entry, key) = services::api_keys::create(&mut work, &caller, &post.value).await?;
    let location = format!("{PATH}/{}", entry.id);
    work.commit_secret(location, &NewApiKey { key: key.expose(), entry }).await
}

/// Look at a key
///
/// Never with the key itself.
#[utoipa::path(get, path = "/api/v1/api-keys/{id}", tag = "api-keys",
    params(("id" = uuid::Uuid, Path, description = "The key's id")),
    responses((status = 200, description = "The key", body = ApiKeyEntry), NotFoundProblems))]
async fn show(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> Result<Json<ApiKeyEntry>, Problem> {
    let entry = api_keys::find(state.queue.pool(), id, caller.user_id()).await?;
    entry.map(Json).ok_or_else(|| Problem::new(Code::NotFound))
}

/// Delete a key
///
/// It ends at once.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "api-keys",
    params(("id" = uuid::Uuid, Path, description = "The key's id")),
    responses((status = 204, description = "It has ended"), NotFoundProblems))]
async fn remove(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    services::api_keys::delete(&state, &info, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(scopes: &[&str]) -> (Option<Vec<Scope>>, Vec<String>) {
        let mut faults = Faults::default();
        let raw: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let parsed = parse_scopes(&raw, &mut faults);
        (parsed, faults.into_errors().iter().map(|fault| format!("{} {}", fault.place, fault.code)).collect())
    }

    #[test]
    fn scopes_come_from_the_table_each_once() {
        assert_eq!(parse(&["items:write", "items:read"]).0, Some(vec![Scope::ItemsRead, Scope::ItemsWrite]));
        assert_eq!(parse(&[]).1, ["#/scopes empty"]);
        let (parsed, faults) = parse(&["items:read", "*", "items:read"]);
        assert_eq!(parsed, None);
        assert_eq!(faults, ["#/scopes/1 unknown_scope", "#/scopes/2 duplicate"]);
        assert!(parse(&["x"; 1_000]).1.len() < 20);
    }

    #[test]
    fn a_key_ends_in_the_future_but_not_far_in_it() {
        let now = Utc::now();
        let after = |days| check_end(now + chrono::Duration::days(days), now).map_err(|reason| reason.code);
        assert!(after(1).is_ok() && after(1_825).is_ok());
        assert_eq!((after(0).unwrap_err(), after(-1).unwrap_err()), ("in_the_past", "in_the_past"));
        assert_eq!(after(1_828).unwrap_err(), "too_far");
        assert_eq!(check_end(DateTime::<Utc>::MAX_UTC, now).map_err(|reason| reason.code), Err("too_far"));
    }
}
